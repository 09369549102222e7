import { describe, expect, it } from "vitest";
import { SCHEMA_LEVEL } from "../../jobs/schema-level.ts";
import type { Deployed } from "../../ops/deploying.ts";
import type { DeploymentRecord } from "../../toolchain/deployment/deployments-log.ts";
import { BAD_ROUTE, FAILING, MORE_TRIES, OTHER, undo } from "../e2e/bad-releases.ts";
import { migrationFile } from "../e2e/migration-file.ts";
import { blueGreenCases } from "./blue-green-cases.ts";
import { failureCases } from "./failure-cases.ts";
import { canaries, imagesOf, podsOfApi, releasesOf, servedBy } from "./seen.ts";
import type { TypedStack } from "./typed-stack.ts";

/** The level that the new release brings the schema to, and the one at which what it brought is gone. */
const [EXPANDED, CONTRACTED] = [SCHEMA_LEVEL + 1, SCHEMA_LEVEL + 2];

/** Five deploys that are killed take minutes: `make deploys-long` has them, and an engine in each run (test/e2e/deploy.test.ts). */
const LONG = process.env["DEPLOYS"] !== undefined;

/** Twice what is enough where nobody else needs the processors: each share is to have as many requests and jobs as say something. */
const CANARY = ["--canary-seconds", "10", "--canary"];

/** `./slipway deploy`, `rollback` and `releases` on a stack that is up, all of it under load. */
export function deployCases(stack: () => TypedStack): void {
  describe("slipway deploy, under load", () => {
    forwardCases(stack);
    backCases(stack);
    blueGreenCases(stack);
  });
  if (LONG) failureCases(stack);
}

function migration(stack: TypedStack, level: number, text: string): void {
  stack.checkout.write(`jobs/migrations/${migrationFile(level)}`, text);
}

/** Deploys, or goes back, and what came of it. */
async function done(
  stack: TypedStack,
  ...words: string[]
): Promise<{ readonly deployment: DeploymentRecord; readonly text: string }> {
  const { code, result, text } = await stack.asked<Deployed>(...words, "--yes");
  expect(code, text).toBe(0);
  expect(result.routes.length).toBeGreaterThan(7);
  expect(result.routes.filter(({ ok }) => !ok)).toEqual([]);
  return { deployment: result.deployment, text };
}

function forwardCases(stack: () => TypedStack): void {
  it("brings another version by shares of the pods, and its migration, after a backup", async () => {
    stack().checkout.release("0.1.0", "0.2.0");
    migration(stack(), EXPANDED, "-- phase: expand\nALTER TABLE jobs ADD COLUMN test int;\n");
    stack().checkout.edit("jobs/schema-level.ts", `= ${SCHEMA_LEVEL};`, `= ${EXPANDED};`);
    // With three tries in all a job may be dead before the workers of a bad release are seen, below.
    stack().checkout.edit(...MORE_TRIES);
    await stack().begin();
    const { deployment, text } = await done(stack(), "deploy", ...CANARY, "33,50");
    for (const percent of [33, 50])
      expect(text).toMatch(
        new RegExp(
          `Canary at ${percent} % is good\\. the new release: \\d{2,} requests, 0 errors .*; the one before: \\d{2,} requests`,
        ),
      );
    expect(text).toContain("Canary: 33 % wanted, 1 of 3 pods are of the new release.");
    expect(text).toMatch(/Canary of worker-cpu is good\. the new release: [1-9]\d* attempts of jobs, 0 failed/);
    expect(await canaries(stack())).toBe("");
    expect(await servedBy(stack())).toBe("0.2.0");
    await stack().nothingWasLost();
    expect(deployment).toMatchObject({
      ...{ outcome: "succeeded", version: "0.2.0", serving: "0.2.0" },
      ...{ schemaBefore: SCHEMA_LEVEL, schemaAfter: EXPANDED },
      backup: expect.stringMatching(/^\d{8}-\d{6}F/) as string,
    });
  });

  it("has failed where a canary's API fails, whose pods go, and not one of those that serve", async () => {
    stack().checkout.release("0.2.0", "0.2.1");
    stack().checkout.edit(...BAD_ROUTE);
    const before = await podsOfApi(stack());
    await stack().begin();
    const { code, output } = await stack().slipway("deploy", "--yes", "--no-backup", ...CANARY, "33").ended;
    undo(stack().checkout, BAD_ROUTE);
    stack().checkout.release("0.2.1", "0.2.0");
    expect(code, output).toBe(1);
    expect(output).toMatch(/The canary was given up at 33 %: \d+ of \d+ requests to the new release failed/);
    expect(output).toContain("nothing of another release runs, and 0.2.0 serves on");
    expect([await canaries(stack()), await podsOfApi(stack()), await servedBy(stack())]).toEqual(["", before, "0.2.0"]);
    await stack().nothingWasLost("500: ");
  });

  it("has failed where a canary's workers fail jobs, whose pod goes, and no job is lost", async () => {
    stack().checkout.release("0.2.0", "0.2.1");
    stack().checkout.edit(...FAILING);
    const before = await imagesOf(stack());
    await stack().begin();
    const { code, output } = await stack().slipway("deploy", "--yes", "--no-backup", ...CANARY, "33,50").ended;
    undo(stack().checkout, FAILING);
    stack().checkout.release("0.2.1", "0.2.0");
    expect(code, output).toBe(1);
    expect(output).toMatch(/The canary was given up: \d+ of \d+ attempts of jobs by the new release failed/);
    expect([await canaries(stack()), await imagesOf(stack()), await servedBy(stack())]).toEqual(["", before, "0.2.0"]);
    await stack().nothingWasLost();
  });

  it("has failed where no pod becomes ready, says why and what serves, and that serves on", async () => {
    const broken = 'throw new Error("this release is broken");\n';
    stack().checkout.release("0.2.0", "0.2.2");
    stack().checkout.edit("app/main.ts", "await runService(", `${broken}await runService(`);
    stack().checkout.edit(...OTHER);
    const before = await imagesOf(stack());
    await stack().begin();
    const { code, output } = await stack().slipway("deploy", "--yes", "--no-backup").ended;
    stack().checkout.edit("app/main.ts", broken, "");
    undo(stack().checkout, OTHER);
    stack().checkout.release("0.2.2", "0.2.0");
    expect(code, output).toBe(1);
    expect(output).toContain("this release is broken");
    expect(output).toContain("Gone back to 0.2.0 by itself");
    expect(output).toContain("What serves: 0.2.0.");
    expect(await servedBy(stack())).toBe("0.2.0");
    // The workers were the new release's for a while.
    expect(await imagesOf(stack())).toEqual(before);
    await stack().nothingWasLost();
    expect((await releasesOf(stack())).at(-1)).toMatchObject({ outcome: "failed", version: "0.2.2", serving: "0.2.0" });
  });
}

function backCases(stack: () => TypedStack): void {
  it("goes back by the images of the release before: slipway rollback", async () => {
    await stack().begin();
    const { deployment } = await done(stack(), "rollback", "--no-backup");
    expect(deployment).toMatchObject({ version: "0.1.0", serving: "0.1.0", schemaAfter: EXPANDED });
    expect(await servedBy(stack())).toBe("0.1.0");
    await stack().nothingWasLost();
  });

  it("takes away what no release uses any more once the pods of before have left, those of a canary that was killed among them", async () => {
    stack().checkout.release("0.2.0", "0.3.0");
    migration(stack(), CONTRACTED, "-- phase: contract\nALTER TABLE jobs DROP COLUMN test;\n");
    await stack().begin();
    const killed = stack().slipway("deploy", "--yes", "--no-backup", ...CANARY, "33");
    await killed.printed("1 of 3 pods are of the new release");
    killed.kill();
    await killed.ended;
    expect(await canaries(stack())).toMatch(/^api-canary( worker-cpu-canary)?$/);
    const { code, result, text } = await stack().asked<Deployed>("deploy", "--yes", "--no-backup");
    expect(code, text).toBe(0);
    expect(await canaries(stack())).toBe("");
    expect(text).toMatch(new RegExp(`✓ Contract .* ${migrationFile(CONTRACTED)}$`, "m"));
    expect(result.deployment).toMatchObject({ version: "0.3.0", schemaBefore: EXPANDED, schemaAfter: CONTRACTED });
    await stack().nothingWasLost();
    expect(await stack().get(["jobs"], "{.items[*].metadata.name}")).not.toContain("again");
  });

  it("lists every one of them, and which serves: slipway releases", async () => {
    const listed = await releasesOf(stack());
    const last = listed.slice(-7).map(({ version, outcome }) => `${version} ${outcome ?? "?"}`);
    expect(last).toEqual([
      ...["0.2.0 succeeded", "0.2.1 failed", "0.2.1 failed", "0.2.2 failed", "0.1.0 succeeded"],
      ...["0.3.0 interrupted", "0.3.0 succeeded"],
    ]);
    expect(listed.filter(({ serves }) => serves).map(({ number }) => number)).toEqual([listed.length]);
  });

  it("is refused back over what was taken away", async () => {
    const refused = await stack().slipway("rollback", "0.1.0", "--yes").ended;
    expect(refused.code, refused.output).toBe(2);
    expect(refused.output).toContain(`${migrationFile(CONTRACTED)}, which is contract`);
    expect(await servedBy(stack())).toBe("0.3.0");
  });
}
