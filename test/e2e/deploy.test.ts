import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SCHEMA_LEVEL } from "../../jobs/schema-level.ts";
import type { Deployed } from "../../ops/deploying.ts";
import type { ListedRelease } from "../../ops/releases.ts";
import { OTHER, undo } from "./bad-releases.ts";
import { send, startLoad, type LoadReport, type Target } from "./client.ts";
import { lostJobs } from "./lost-jobs.ts";
import { migrationFile } from "./migration-file.ts";
import { makeOpsStack, type OpsStack } from "./ops-stack.ts";
import { spoken } from "./running.ts";
import { docker } from "./stack.ts";

/** `./slipway deploy`, `rollback` and `releases` on the real engine, as somebody types them, and as they are killed. */
let stack: OpsStack;
let to: Target;
beforeAll(async () => {
  stack = await makeOpsStack();
});
afterAll(() => stack.remove());

const slipway = <T>(...words: string[]) => spoken<T>(stack.slipway(...words, "--json"));

const deploy = (...words: string[]) => slipway<Deployed>("deploy", "--yes", ...words);

const log = () => stack.deployments();
const outcomes = () => log().map(({ outcome }) => outcome);
const served = () => stack.served();
/** Names of the containers of API and workers that run. */
const running = async () => {
  const { output } = await docker("ps", "--filter", `label=slipway.stack=${stack.name}`, "--format", "{{.Names}}");
  return output
    .split("\n")
    .filter((name) => /-(api|worker-\w+)-\d/.test(name))
    .sort();
};
const sql = (query: string) => stack.sql(query);

/** Everything is deployed while clients ask without pause. */
let load: { stop(): Promise<LoadReport> };
const reports: LoadReport[] = [];

/** A copy that serves dies at once. Nobody asks at that moment: what it had begun to answer is nothing that a deploy can save. */
async function killCopy(): Promise<void> {
  const [copy = ""] = await stack.containers("api");
  reports.push(await load.stop());
  await docker("rm", "--force", copy);
  load = startLoad(to, 4);
}

describe("deploys", () => {
  it("make a stack where one is meant to be new, and write down what came of it", async () => {
    expect((await stack.slipway("deploy", "--update", "--yes").ended).code).toBe(2);
    const { code, result, text } = await deploy("--init");
    expect(code, text).toBe(0);
    expect(result.deployment).toMatchObject({ number: 1, outcome: "succeeded", version: "0.1.0", serving: "0.1.0" });
    expect(result.deployment).toMatchObject({ schemaNeeds: SCHEMA_LEVEL, schemaAfter: SCHEMA_LEVEL });
    expect(result.routes.filter(({ ok }) => !ok)).toEqual([]);
    expect((await stack.slipway("deploy", "--init", "--yes").ended).code).toBe(2);
    expect(await sql("SELECT number, outcome, version FROM deployments")).toBe("1|succeeded|0.1.0");
    to = { url: stack.url, token: await stack.token(12) };
    load = startLoad(to, 4);
  });

  it("say what they would do, and change nothing", async () => {
    stack.checkout.release("0.1.0", "0.2.0");
    const before = await stack.containers();
    const { code, result, text } = await slipway("deploy");
    expect({ code, result }, text).toEqual({
      ...{ code: 0, result: { serves: "0.1.0", version: "0.2.0", migrations: [], faults: [] } },
    });
    expect(await stack.containers()).toEqual(before);
    expect(log()).toHaveLength(1);
  });

  it("that never become healthy have failed, and name the version that serves", async () => {
    const broken = 'throw new Error("this release is broken");\n';
    const before = await running();
    // Its workers are others, and well.
    stack.checkout.edit(...OTHER);
    stack.checkout.edit("app/main.ts", "await runService(", `${broken}await runService(`);
    const { code, output } = await stack.slipway("deploy", "--yes", "--no-backup").ended;
    stack.checkout.edit("app/main.ts", broken, "");
    undo(stack.checkout, OTHER);
    expect(code, output).toBe(1);
    expect(output).toContain("this release is broken");
    expect(output).toContain("nothing of another release runs, and 0.1.0 serves on");
    expect(output).toContain("What serves: 0.1.0.");
    expect(log()[1]).toMatchObject({
      outcome: "failed",
      reason: expect.stringMatching(/^release: .*given up/) as string,
      step: "Deploy",
      version: "0.2.0",
      serving: "0.1.0",
    });
    expect(await served()).toBe("0.1.0");
    expect(await running()).toEqual(before);
  });

  it("stop where no backup can be made, and change nothing", async () => {
    const before = await stack.containers();
    const [agent = ""] = await stack.containers("backup");
    await docker("stop", agent);
    const { code, output } = await stack.slipway("deploy", "--yes").ended;
    await docker("start", agent);
    expect(code, output).not.toBe(0);
    expect(output).toContain("No backup was made, and nothing was changed. Without one: --no-backup");
    expect(log().at(-1)).toMatchObject({ outcome: "failed", step: "Snapshot", serving: "0.1.0" });
    expect(await stack.containers()).toEqual(before);
  });

  it.each<[text: string, step: RegExp, ...words: string[]]>([
    ["✓ Stack", /Stack|Checks/, "--no-backup"],
    ["✓ Data", /Data|Snapshot/],
    ["+ migrate-done created", /Deploy/, "--no-backup"],
    ["✓ Deploy", /Deploy|Smoke check/, "--no-backup"],
    ["✓ Smoke check", /Smoke check|Truth/, "--no-backup"],
  ])("killed right after %j have said how far they came, and nobody has noticed", async (text, step, ...words) => {
    const running = stack.slipway("deploy", "--yes", ...words);
    await running.printed(text);
    running.kill();
    expect((await running.ended).code).not.toBe(0);
    expect(outcomes().at(-1)).toBeUndefined();
    expect(log().at(-1)?.step).toMatch(step);
    expect((await send(to, "GET", "/health/ready")).status).toBe(200);
  });

  it("are finished by the next, alone and with a backup", async () => {
    const running = stack.slipway("deploy", "--yes");
    await running.printed("✓ Stack");
    const second = await stack.slipway("deploy", "--yes").ended;
    expect(second.code, second.output).toBe(75);
    expect(second.output).toMatch(/is being deployed: slipway deploy --yes .* by .+@.+, process \d+, since/);
    const { code, output } = await running.ended;
    expect(code, output).toBe(0);
    expect(output).toContain("was broken off at");
    expect(outcomes()).toEqual([
      ...["succeeded", "failed", "failed"],
      ...Array<string>(5).fill("interrupted"),
      "succeeded",
    ]);
    expect(log().at(-1)).toMatchObject({ version: "0.2.0", backup: expect.stringMatching(/^\d{8}-\d{6}F/) as string });
    expect(await sql("SELECT outcome FROM deployments WHERE number = 6")).toBe("interrupted");
    expect(await served()).toBe("0.2.0");
  });
});

describe("a rollback", () => {
  it("that is killed is gone on with by the next, brings the release before back by its images, and is listed", async () => {
    const killed = stack.slipway("rollback", "--yes", "--no-backup");
    await killed.printed("✓ Data");
    killed.kill();
    await killed.ended;
    const { code, result, text } = await slipway<Deployed>("rollback", "--yes", "--no-backup");
    expect(code, text).toBe(0);
    expect(result.deployment).toMatchObject({ version: "0.1.0", images: log()[0]?.images, serving: "0.1.0" });
    expect(await served()).toBe("0.1.0");
    expect(stack.file()).toContain(`api: ${log()[0]?.images?.api ?? "nothing"}`);
    const listed = await slipway<{ deployments: ListedRelease[] }>("releases");
    expect(listed.result.deployments.filter(({ serves }) => serves)).toMatchObject([
      { number: log().length, version: "0.1.0" },
    ]);
  });

  it("comes by itself where a copy of a release is gone again that was there, and is the release before the one it was", async () => {
    const running = stack.slipway("deploy", "--yes", "--no-backup");
    await running.printed("✓ Deploy");
    // Long before the last look, which is right behind the smoke check: a copy that is still going is told otherwise.
    await killCopy();
    const { code, output } = await running.ended;
    expect(code, output).toBe(1);
    expect(output).toMatch(/What runs is not what was asked for:\n\s+api: 1 ready, asked for 2/);
    expect(output).toContain("Gone back to 0.1.0 by itself");
    expect(log().at(-1)).toMatchObject({ outcome: "failed", version: "0.2.0", serving: "0.1.0" });
    expect(await served()).toBe("0.1.0");
    expect((await stack.containers("api")).length).toBe(2);
    const again = await stack.slipway("rollback", "--yes").ended;
    expect(again.code, again.output).toBe(2);
    expect(again.output).toContain("has no release before the one that serves");
  });

  it("of its own that is killed is gone on with by make up", async () => {
    const killed = stack.slipway("deploy", "--yes", "--no-backup");
    await killed.printed("✓ Deploy");
    await killCopy();
    await killed.printed("✗ Truth");
    await killed.printed("+ migrate-done created", 2);
    killed.kill();
    expect((await killed.ended).code).not.toBe(0);
    expect(log().at(-1)).toMatchObject({ step: "Back", version: "0.2.0" });
    // What a kill between two writes of Pulumi's leaves; without a remedy it reads no state any more.
    writeFileSync(join(stack.stateFolder, "slipway/.pulumi/stacks/slipway", `${stack.name}.json.attrs`), "");
    expect((await send(to, "GET", "/health/ready")).status).toBe(200);
    await stack.up();
    expect(log().at(-2)?.outcome).toBe("interrupted");
    expect(log().at(-1)).toMatchObject({ outcome: "succeeded", serving: "0.1.0", images: log()[0]?.images });
    expect(await served()).toBe("0.1.0");
    expect((await stack.containers("api")).length).toBe(2);
  });

  it("was, as all of it, noticed by no client, and no job was lost", async () => {
    reports.push(await load.stop());
    expect(reports.flatMap(({ failures }) => failures)).toEqual([]);
    expect(reports.reduce((sum, { requests }) => sum + requests, 0)).toBeGreaterThan(1000);
    const accepted = reports.flatMap((report) => report.accepted);
    expect(await lostJobs(sql, accepted)).toEqual([]);
  });

  it("is refused over a migration that breaks the release, and what takes something away has waited for it to go", async () => {
    const breaking = migrationFile(SCHEMA_LEVEL + 1, "break");
    const contract = migrationFile(SCHEMA_LEVEL + 2, "drop");
    stack.checkout.write(`jobs/migrations/${breaking}`, "-- phase: incompatible\nCREATE TABLE broke (id int);\n");
    stack.checkout.write(`jobs/migrations/${contract}`, "-- phase: contract\nDROP TABLE broke;\n");
    stack.checkout.edit("jobs/schema-level.ts", `= ${SCHEMA_LEVEL};`, `= ${SCHEMA_LEVEL + 1};`);
    const { code, result, text } = await deploy("--no-backup", "--skip-tests");
    expect(code, text).toBe(0);
    expect(text).toContain(`✓ Contract`);
    expect(result.deployment).toMatchObject({ schemaBefore: SCHEMA_LEVEL, schemaAfter: SCHEMA_LEVEL + 2 });
    expect(stack.file()).not.toContain("release");
    const before = stack.file();
    const refused = await stack.slipway("rollback", "1", "--yes").ended;
    expect(refused.code, refused.output).toBe(2);
    expect(refused.output).toContain(`has ${breaking}, which is incompatible`);
    expect(refused.output).toContain("./slipway restore --to");
    expect(stack.file()).toBe(before);
    expect(await served()).toBe("0.2.0");
  });
});

it("a deploy that is killed before it takes something away leaves that to the next, which does it once", async () => {
  const [expand, contract] = [SCHEMA_LEVEL + 3, SCHEMA_LEVEL + 4];
  const [more, take] = [migrationFile(expand, "more"), migrationFile(contract, "take")];
  stack.checkout.write(`jobs/migrations/${more}`, "-- phase: expand\nCREATE TABLE more (id int);\n");
  // Services that need less than the level before it run until the switch, so that it waits. It is not IF NOT EXISTS: a second run would fail.
  stack.checkout.write(`jobs/migrations/${take}`, "-- phase: contract\nCREATE TABLE taken (id int);\n");
  stack.checkout.edit("jobs/schema-level.ts", `= ${SCHEMA_LEVEL + 1};`, `= ${expand};`);
  const killed = stack.slipway("deploy", "--yes", "--no-backup");
  await killed.printed("✓ Truth");
  killed.kill();
  expect((await killed.ended).code).not.toBe(0);
  const step = log().at(-1)?.step;
  expect(step).toMatch(/^(Truth|Contract)$/);
  const { code, result, text } = await deploy("--no-backup");
  expect(code, text).toBe(0);
  expect(result.deployment).toMatchObject({ outcome: "succeeded", schemaAfter: contract });
  // Killed in the step itself it may have been done: what runs it in a container was not killed.
  if (step === "Truth") expect(result.deployment.schemaBefore).toBe(expand);
  expect(await sql("SELECT count(*) FROM taken")).toBe("0");
  expect(log().at(-2)?.outcome).toBe("interrupted");
});
