import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../../toolchain/folders.ts";

/** What a result file holds, as far as this test looks. */
interface Result {
  readonly figures: { readonly name: string; readonly median: number }[];
}

const PROGRAMS = {
  queue: ["enqueue", "backlog: slipway worker / BullMQ", "500 jobs/s", "idle worker", "Redis wiped", "relay of"],
  http: ["accept route / plain Fastify", "slipway / FastAPI"],
  overload: ["a tenant at ten times its limit: API", "zip bombs"],
  start: ["api: start to ready", "worker: start to ready"],
} as const;

describe("benchmarks of a size that only shows that they run", () => {
  test.each(Object.entries(PROGRAMS))("%s measures all its parts", (name, parts) => {
    const program = join(ROOT, "bench", name, "main.ts");
    const run = spawnSync(process.execPath, [program, "--size", "smoke"], { encoding: "utf8", cwd: ROOT });
    expect(run.status, run.stderr).toBe(0);
    const path = join(ROOT, "bench", "results", `${name}-smoke.json`);
    const { figures } = JSON.parse(readFileSync(path, "utf8")) as Result;
    for (const part of parts) expect(figures.filter((figure) => figure.name.includes(part))).not.toEqual([]);
    // JSON has no NaN: what could not be measured would stand there as null.
    expect(figures.filter(({ median }) => !Number.isFinite(median))).toEqual([]);
  });
});
