import { afterAll, beforeAll, expect, it } from "vitest";
import { startApiPrograms, type ApiPrograms } from "../test/servers/api-programs.ts";
import { flood, holdConnections, idle, slowHeaders, type Attack } from "../test/servers/attacks.ts";
import { testAuthorization } from "../test/servers/credentials.ts";

let programs: ApiPrograms;
let url: string;
let port: number;
const STREAMS = 20;
beforeAll(async () => {
  programs = await startApiPrograms();
  url = await programs.start({
    MAX_CONNECTIONS: "500",
    EVENT_STREAMS_PER_TENANT: String(STREAMS),
    RATE_LIMIT_PER_SECOND: "200",
    RATE_LIMIT_BURST: "400",
  });
  port = Number(new URL(url).port);
});
afterAll(() => programs.close());

const JOBS = "/api/v1/jobs";
const SUM = JSON.stringify({ kind: "sum", params: { numbers: [1, 2] } });
const DEEP = `{"kind":"sum","params":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
const LARGE = JSON.stringify({ kind: "speech", params: { text: "x".repeat(1_000_000) } });
const json = { "content-type": "application/json" };

async function posting(tenant: string, body: string): Promise<() => RequestInit> {
  const headers = { ...json, ...(await testAuthorization(tenant)) };
  return () => ({ method: "POST", body, headers });
}

/** A tenant that does nothing wrong: makes jobs and reads each; gives what was not as it should be. */
async function serve(tenant: string, times: number): Promise<string[]> {
  const headers = await testAuthorization(tenant);
  const post = await posting(tenant, SUM);
  const wrong: string[] = [];
  for (let n = 0; n < times; n += 1) {
    try {
      const made = await fetch(url + JOBS, post());
      const { id } = (await made.json()) as { id: string };
      const read = await fetch(`${url}${JOBS}/${id}`, { headers });
      if (made.status !== 202 || read.status !== 200) wrong.push(`${made.status} ${read.status}`);
      await read.arrayBuffer();
    } catch (error) {
      wrong.push(String(error));
    }
  }
  return wrong;
}

async function eventStreams(): Promise<Attack> {
  const headers = await testAuthorization("watcher");
  const made = await fetch(
    url + JOBS,
    (await posting("watcher", JSON.stringify({ ...(JSON.parse(SUM) as object), delaySeconds: 1000 })))(),
  );
  const { id } = (await made.json()) as { id: string };
  return flood(`${url}${JOBS}/${id}/events`, STREAMS + 10, () => ({ headers }));
}

const ATTACKS: readonly [string, () => Promise<Attack>][] = [
  ["connections whose headers never end", async () => holdConnections(port, 300, slowHeaders)],
  ["more idle connections than there may be", async () => holdConnections(port, 700, idle)],
  ["JSON 200,000 levels deep", async () => flood(url + JOBS, 4, await posting("deep", DEEP))],
  ["bodies of 1 MB", async () => flood(url + JOBS, 4, await posting("large", LARGE))],
  ["event streams beyond their bound", eventStreams],
  ["a tenant over its limit", async () => flood(url + JOBS, 8, await posting("hasty", SUM))],
];

it.each(ATTACKS)("serves every request of the others under %s", async (_name, begin) => {
  const attack = await begin();
  try {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const wrong = await Promise.all(["one", "two", "three"].map((tenant) => serve(tenant, 20)));
    expect(wrong.flat()).toEqual([]);
  } finally {
    attack.end();
  }
});
