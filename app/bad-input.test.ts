import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PROBLEMS, type ProblemName } from "../jobs/problem.ts";
import { ADDRESSES, slowHeaders } from "../test/bad-input/addresses.ts";
import { BODIES } from "../test/bad-input/bodies.ts";
import type { Answer, BadInputs } from "../test/bad-input/case.ts";
import { CREDENTIALS } from "../test/bad-input/credentials.ts";
import { MOMENTS } from "../test/bad-input/moments.ts";
import { startTestApi, type TestApi } from "../test/servers/api.ts";

const INPUTS: Readonly<Record<string, BadInputs>> = {
  Credentials: CREDENTIALS,
  Bodies: BODIES,
  "Addresses and headers": ADDRESSES,
  "At the wrong time": MOMENTS,
};

let api: TestApi;
/** Takes ten seconds, so it is begun first. */
let slow: Promise<Answer>;
beforeAll(async () => {
  api = await startTestApi({
    EVENT_STREAMS_PER_TENANT: "1",
    QUEUE_MAX_PENDING: "50",
    RATE_LIMIT_PER_SECOND: "100",
    RATE_LIMIT_BURST: "200",
  });
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  slow = slowHeaders(api);
});
afterAll(() => api.close());
beforeEach(() => api.stack.reset());

interface Row {
  readonly input: string;
  readonly status: number;
  readonly problem: string;
}

/** The tables of docs/bad-input.md, by their headings. */
function readTables(): Map<string, Row[]> {
  const text = readFileSync(new URL("../docs/bad-input.md", import.meta.url), "utf8");
  const tables = new Map<string, Row[]>();
  let rows: Row[] = [];
  for (const line of text.split("\n")) {
    const heading = /^## (.*)$/.exec(line)?.[1];
    if (heading !== undefined) tables.set(heading, (rows = []));
    const cells = line.split("|").map((cell) => cell.trim());
    const [, input = "", status = "", problem = ""] = cells;
    if (/^\d{3}$/.test(status)) rows.push({ input, status: Number(status), problem: problem.replaceAll("`", "") });
  }
  return tables;
}

const tables = readTables();

it("has a request for every row, and a row for every request", () => {
  expect([...tables.keys()]).toEqual(Object.keys(INPUTS));
  for (const [heading, inputs] of Object.entries(INPUTS)) {
    expect((tables.get(heading) ?? []).map(({ input }) => input)).toEqual(Object.keys(inputs));
  }
});

it("names problems that there are, with their status", () => {
  for (const { problem, status } of [...tables.values()].flat()) {
    expect(PROBLEMS[problem as ProblemName].status, problem).toBe(status);
  }
});

describe.each([...tables])("%s", (heading, rows) => {
  it.each(rows)("$input: $status $problem", async ({ input, status, problem }) => {
    const make = INPUTS[heading]?.[input];
    if (!make) throw new Error(`no request is made for the row "${input}"`);
    const answer = make === slowHeaders ? await slow : await make(api);
    expect(answer.body).toContain(`"urn:slipway:problem:${problem}"`);
    expect(answer.statusCode).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ status, title: expect.any(String) as string });
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    if (status === 401) expect(answer.headers["www-authenticate"]).toMatch(/^Bearer realm="slipway"/);
    if (status === 429 || status === 503) expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
  });
});
