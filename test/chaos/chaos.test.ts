import { describe, expect, it } from "vitest";
import { MUTANTS } from "./mutants.ts";
import { FAILINGS } from "./oracle.ts";
import { formatReport, isSound } from "./report.ts";
import { runChaos, type ChaosResult } from "./run.ts";

/** Another one each day, so that CI sees more than one schedule; the report names it. */
const SEED = process.env["CHAOS_SEED"] ?? new Date().toISOString().slice(0, 10);

/** What a run of a few seconds asks for. Whatever has not ended 20 s after the last fault counts as lost: the slowest healing takes 15 s, more where the machine has other work. */
const SHORT = { seed: SEED, faults: 4, jobs: 600, minutes: 0.25, stuckMs: 20_000, longShare: 0.3 };

function show(result: ChaosResult): ChaosResult {
  process.stderr.write(`\n${formatReport(result)}\n`);
  return result;
}

describe("the product under faults", () => {
  it("ends 20,000 jobs, each once and right, while 500 things and more break", async () => {
    const result = show(await runChaos({ seed: SEED, faults: 500, jobs: 20_000, minutes: 3.5 }));
    expect(result.verdict.examples).toEqual([]);
    expect(result.verdict.counts).toEqual(Object.fromEntries(FAILINGS.map((failing) => [failing, 0])));
    expect(result.crashes).toEqual([]);
    expect(result.events.done.length).toBeGreaterThanOrEqual(500);
    expect(result.accepted).toBeGreaterThanOrEqual(20_000);
  });
});

describe("the oracle", () => {
  it.each(Object.keys(MUTANTS))("catches the mutant %s", async (mutant) => {
    const result = show(await runChaos({ ...SHORT, mutant, only: MUTANTS[mutant]?.faults ?? [] }));
    expect(isSound(result)).toBe(false);
  });

  it("finds nothing in the product itself under the faults that show the mutants", async () => {
    const only = [...new Set(Object.values(MUTANTS).flatMap(({ faults }) => faults))];
    const result = show(await runChaos({ ...SHORT, stuckMs: 60_000, only }));
    expect(result.verdict.examples).toEqual([]);
    expect(isSound(result)).toBe(true);
  });
});
