import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundlePrograms, type Bundles } from "../test/servers/bundles.ts";
import { testAuthorization } from "../test/servers/credentials.ts";
import { freePort, startProgram, until, type RunningProgram } from "../test/servers/programs.ts";
import { startStack, type TestStack } from "../test/servers/stack.ts";

let stack: TestStack;
let bundles: Bundles;
const running: RunningProgram[] = [];
beforeAll(async () => {
  [stack, bundles] = await Promise.all([startStack(), bundlePrograms()]);
});
afterAll(async () => {
  for (const program of running) await program.stop("SIGTERM");
  bundles.remove();
  await stack.close();
});

async function start(name: "api" | "worker"): Promise<string> {
  const port = String(await freePort());
  const env = { PATH: process.env["PATH"] ?? "", ...stack.env, PORT: port };
  running.push(startProgram([process.execPath, bundles.path(name)], { cwd: bundles.folder, env }));
  const url = `http://127.0.0.1:${port}`;
  await until(`${name} is ready`, async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok === true);
  return url;
}

interface Metric {
  readonly type: string;
  readonly labels: ReadonlySet<string>;
}

/** The tables of docs/metrics.md, by their headings. */
function documented(heading: string): Map<string, Metric> {
  const text = readFileSync(new URL("../docs/metrics.md", import.meta.url), "utf8");
  const part = text.split(/^## /m).find((one) => one.startsWith(`${heading}\n`)) ?? "";
  const rows = [...part.matchAll(/^\| `(?<name>\w+)` *\| (?<type>\w+) *\| (?<labels>[^|]*?) *\|/gm)];
  return new Map(
    rows.map(({ groups = {} }) => [
      groups["name"] ?? "",
      { type: groups["type"] ?? "", labels: new Set((groups["labels"] ?? "").match(/\w+/g)) },
    ]),
  );
}

/** What `/metrics` shows: names, types, and the labels of what has values. */
async function shown(url: string): Promise<Map<string, Metric>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const metrics = new Map<string, { type: string; labels: Set<string> }>();
  for (const [, name = "", type = ""] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm))
    metrics.set(name, { type, labels: new Set() });
  for (const [, sample = "", labels = ""] of text.matchAll(/^(\w+)\{(.*)\} /gm)) {
    const metric = metrics.get(sample) ?? metrics.get(sample.replace(/_(bucket|sum|count)$/, ""));
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) if (label !== "le") metric?.labels.add(label);
  }
  return metrics;
}

it("lists in docs/metrics.md what API and worker show, and nothing else", async () => {
  const [api, worker] = [await start("api"), await start("worker")];
  const headers = { ...(await testAuthorization()), "content-type": "application/json" };
  const ask = async (body: unknown) =>
    (await fetch(`${api}/api/v1/jobs`, { method: "POST", body: JSON.stringify(body), headers })).status;
  expect(await ask({ kind: "none", params: {} })).toBe(422);
  expect(await ask({ kind: "sum", params: { numbers: [1] } })).toBe(202);
  expect(await ask({ kind: "sum", params: { numbers: [1] }, delaySeconds: 1000 })).toBe(202);
  await until("the worker has counted a job", async () =>
    /^slipway_worker_jobs_total\{/m.test(await (await fetch(`${worker}/metrics`)).text()),
  );
  for (const [heading, url] of [
    ["API", api],
    ["Worker", worker],
  ] as const) {
    const [told, seen] = [documented(heading), await shown(url)];
    expect([...told.keys()].sort()).toEqual([...seen.keys()].sort());
    for (const [name, { type, labels }] of seen) {
      const row = told.get(name);
      expect(row?.type, name).toBe(type);
      // A GPU that is not there has no values and so no labels.
      if (labels.size > 0) expect([...(row?.labels ?? [])].sort(), name).toEqual([...labels].sort());
    }
  }
  const text = await (await fetch(`${api}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  expect([value("slipway_job_insert_statements_total"), value("slipway_job_inserts_total")]).toEqual([2, 2]);
  expect(value("slipway_relay_moved_total") + value("slipway_outbox_rows")).toBeGreaterThan(0);
  expect(value("slipway_id_lease_seconds")).toBeGreaterThan(30);
});
