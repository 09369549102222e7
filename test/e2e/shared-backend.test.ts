import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SCHEMA_LEVEL } from "../../jobs/schema-level.ts";
import type { Deployed } from "../../ops/deploying.ts";
import type { ListedRelease } from "../../ops/releases.ts";
import { BACKEND } from "../../toolchain/env.ts";
import { migrationFile } from "./migration-file.ts";
import { makeNeighbour } from "./neighbour.ts";
import { makeOpsStack, type OpsStack } from "./ops-stack.ts";
import { homeIn, spoken, start } from "./running.ts";

/** Two homes of users stand for two machines; they share the states, the passphrase and, as both are really this one, the engine. */
let shared: string;
let stack: OpsStack;
let secondHome: NodeJS.ProcessEnv;

beforeAll(async () => {
  shared = mkdtempSync(join(tmpdir(), "slipway-shared-"));
  mkdirSync(join(shared, "states"));
  writeFileSync(join(shared, "passphrase"), "of both\n", { mode: 0o600 });
  process.env[BACKEND] = `file://${join(shared, "states")}`;
  process.env["PULUMI_CONFIG_PASSPHRASE_FILE"] = join(shared, "passphrase");
  stack = await makeOpsStack();
  secondHome = homeIn(join(shared, "second"));
});
afterAll(async () => {
  await stack.remove();
  rmSync(shared, { recursive: true, force: true });
});

const TAKES_AWAY = "-- phase: contract\nDROP TABLE IF EXISTS what_nobody_has;\n";

type Listed = { readonly deployments: readonly ListedRelease[] };

const first = <T>(...words: string[]) => spoken<T>(stack.slipway(...words, "--json"));
const second = <T>(...words: string[]) =>
  spoken<T>(start("./slipway", [...words, "--json", "--stack", stack.name], stack.checkout.folder, secondHome));

/** Who brought what, as a machine lists it, and what of it serves. */
const listed = async (machine: typeof first) =>
  (await machine<Listed>("releases")).result.deployments.map(({ number, version, serves }) => [
    number,
    version,
    serves,
  ]);

describe("a stack that two machines share", () => {
  it("is made by the first, and its state lies with neither", async () => {
    stack.checkout.write(`jobs/migrations/${migrationFile(SCHEMA_LEVEL + 1, "away")}`, TAKES_AWAY);
    const { code, text } = await first<Deployed>("deploy", "--init", "--yes", "--no-backup");
    expect(code, text).toBe(0);
    expect(existsSync(join(shared, "states/.pulumi/stacks/slipway", `${stack.name}.json`))).toBe(true);
    expect(existsSync(join(stack.stateFolder, "slipway/.pulumi"))).toBe(false);
  });

  it("is seen by the second, which knows what was deployed", async () => {
    expect((await second("status")).code).toBe(0);
    expect((await second("deploy", "--init", "--yes", "--no-backup")).code).toBe(2);
    expect(await listed(second)).toEqual([[1, "0.1.0", true]]);
  });

  it("gets its next release by the second, which the first goes back from", async () => {
    stack.checkout.release("0.1.0", "0.2.0");
    const next = await second<Deployed>("deploy", "--yes", "--no-backup");
    expect(next.code, next.text).toBe(0);
    expect(next.result.deployment).toMatchObject({ number: 2, version: "0.2.0", serving: "0.2.0" });
    // What took something away was there before both: the table alone tells the second that the release of the first can live with it.
    const planned = await second("rollback");
    expect(planned.code, planned.text).toBe(0);
    const back = await first<Deployed>("rollback", "--yes", "--no-backup");
    expect(back.code, back.text).toBe(0);
    expect(back.result.deployment).toMatchObject({ number: 3, version: "0.1.0", serving: "0.1.0" });
    expect(await stack.served()).toBe("0.1.0");
    const both = [
      [1, "0.1.0", false],
      [2, "0.2.0", false],
      [3, "0.1.0", true],
    ];
    expect(await listed(first)).toEqual(both);
    expect(await listed(second)).toEqual(both);
  });

  it("is taken away by the second, and the first sees none any more", async () => {
    makeNeighbour(join(shared, "second/state"));
    const { code, text } = await second("destroy", "--yes", "--keep-data");
    expect(code, text).toBe(0);
    expect(await stack.containers()).toEqual([]);
    expect((await first("status")).code).not.toBe(0);
  });
});
