import { beforeAll, describe, expect, it } from "vitest";
import { SCHEMA_LEVEL } from "../../jobs/schema-level.ts";
import type { Deployed } from "../../ops/deploying.ts";
import type { Drift } from "../../ops/drift.ts";
import { BAD_ROUTE, undo } from "../e2e/bad-releases.ts";
import { migrationFile } from "../e2e/migration-file.ts";
import type { Running } from "../e2e/running.ts";
import { until } from "../servers/programs.ts";
import { LAST_BLUE_GREEN } from "./blue-green-cases.ts";
import { imagesOf, releasesOf, servedBy } from "./seen.ts";
import type { TypedStack } from "./typed-stack.ts";

/** The release that serves, and those that come behind it. */
const [SERVES, NEXT, LAST] = [LAST_BLUE_GREEN, "0.3.9", "0.4.0"];

const migration = (level: number) => `jobs/migrations/${migrationFile(level)}`;

/** Moments of a deploy, each later than the one before. */
const MOMENTS: readonly (readonly [string, (run: Running, toldOf: () => Promise<boolean>) => Promise<void>])[] = [
  ["the stack was healed", (run) => run.printed("✓ Stack")],
  ["it was known what becomes of data", (run) => run.printed("✓ Data")],
  ["the migration was done", (run) => run.printed(" migrate created")],
  [
    "the cluster was told of the API's new image",
    async (run, toldOf) => {
      // The one that was killed before may have told it already.
      await run.printed("✓ Data");
      await until("it was told", toldOf, 240_000);
    },
  ],
  ["all of it had come up", (run) => run.printed("✓ Deploy")],
];

/** A deploy that fails, or is killed, at each of its steps, on a stack where {@link SERVES} serves. `make deploys-long` has them. */
export function failureCases(stack: () => TypedStack): void {
  describe("slipway deploy that fails, or is killed, at each step", () => {
    badCases(stack);
    describe("as another version comes", () => {
      killedCases(stack);
    });
  });
}

function badCases(stack: () => TypedStack): void {
  it("stops at a migration that fails, and not a pod is another one", async () => {
    const level = SCHEMA_LEVEL + 3;
    stack().checkout.release(SERVES, NEXT);
    stack().checkout.write(migration(level), "-- phase: expand\nSELECT 1 / 0;\n");
    // Those of the deploy before may still end.
    const leaving = () => stack().get(["pods"], "{.items[*].metadata.deletionTimestamp}");
    await until("all that had to go are gone", async () => (await leaving()) === "", 240_000);
    const before = await pods(stack());
    await stack().begin();
    const { code, output } = await stack().slipway("deploy", "--yes", "--no-backup").ended;
    stack().checkout.removeFile(migration(level));
    stack().checkout.release(NEXT, SERVES);
    expect(code, output).toBe(1);
    expect(output).toContain("division by zero");
    expect(output).toContain(`nothing of another release runs, and ${SERVES} serves on`);
    expect(await pods(stack())).toEqual(before);
    await stack().nothingWasLost();
  });

  it("goes back by itself where all pods are ready and a route fails", async () => {
    const before = await imagesOf(stack());
    stack().checkout.release(SERVES, NEXT);
    stack().checkout.edit(...BAD_ROUTE);
    const { code, output } = await stack().slipway("deploy", "--yes", "--no-backup").ended;
    undo(stack().checkout, BAD_ROUTE);
    stack().checkout.release(NEXT, SERVES);
    expect(code, output).toBe(1);
    expect(output).toContain(`Gone back to ${SERVES} by itself`);
    expect(output).toContain(`What serves: ${SERVES}.`);
    expect([await imagesOf(stack()), await servedBy(stack())]).toEqual([before, SERVES]);
  });
}

function killedCases(stack: () => TypedStack): void {
  let before: string[];
  beforeAll(async () => {
    before = await imagesOf(stack());
    stack().checkout.release(SERVES, LAST);
    stack().checkout.write(migration(SCHEMA_LEVEL + 3), "-- phase: expand\nALTER TABLE jobs ADD COLUMN last int;\n");
  });

  it.each(MOMENTS)("killed right after %s is noticed by nobody", async (_, reached) => {
    await stack().begin();
    const running = stack().slipway("deploy", "--yes", "--no-backup");
    await reached(running, async () => (await imagesOf(stack())).join() !== before.join());
    running.kill();
    expect((await running.ended).code).toBe(137);
    await stack().nothingWasLost();
  });

  it("is finished by the next, alone, and nothing of it is left", async () => {
    await stack().begin();
    const running = stack().slipway("deploy", "--yes", "--no-backup", "--json");
    await running.printed("✓ Stack");
    const second = await stack().slipway("deploy", "--yes").ended;
    expect(second.code, second.output).toBe(75);
    const { code, stdout, output } = await running.ended;
    expect(code, output).toBe(0);
    const { deployment } = (JSON.parse(stdout) as { result: Deployed }).result;
    expect(deployment).toMatchObject({ version: LAST, serving: LAST, schemaAfter: SCHEMA_LEVEL + 3 });
    await stack().nothingWasLost();
    const outcomes = (await releasesOf(stack())).slice(-MOMENTS.length - 1).map(({ outcome }) => outcome);
    expect(outcomes).toEqual([...MOMENTS.map(() => "interrupted"), "succeeded"]);
    const drift = await stack().asked<Drift>("drift");
    expect(drift.code, drift.text).toBe(0);
  });
}

/** Ids of the pods that serve. */
async function pods(stack: TypedStack): Promise<string[]> {
  const all = await stack.get(["pods", "--field-selector=status.phase=Running"], "{.items[*].metadata.uid}");
  return all.split(" ").sort();
}
