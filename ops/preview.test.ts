import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findLeaks } from "../test/e2e/canary.ts";
import { makeProgram, type TestProgram } from "../test/cluster/program.ts";
import { findFolders, ROOT } from "../toolchain/folders.ts";
import { preparePulumi } from "../toolchain/prepare.ts";
import { generatedSecret } from "../toolchain/stack.ts";
import { Steps } from "../toolchain/steps.ts";
import { inCopy } from "./copied-stack.ts";
import { pulumi, type Ground } from "./look.ts";
import { previewMarkdown, previewText } from "./preview-markdown.ts";
import { previewAt, type StackPreview } from "./preview.ts";

/** A real stack of a small program, with secrets in every form in which they might slip out. */
const MINUTES = 60_000;
const CANARY = `Canary /"${randomBytes(9).toString("base64")}`;
const SOURCE = `
import { Config } from "@pulumi/pulumi";
import { RandomPassword, RandomPet } from "@pulumi/random";
import { formsOf } from "${ROOT}/test/e2e/canary.ts";
const config = new Config();
const canary = config.requireSecret("canary");
const made = new RandomPassword("made", { length: 24 });
const forms = [0, 1, 2, 3, 4, 5].map((at) => ["form" + at, canary.apply((text) => formsOf(text)[at] ?? "")]);
const keepers = { ...Object.fromEntries(forms), made: made.result, plain: config.get("plain") ?? "" };
new RandomPet("pet", { keepers });
if (config.get("throws") !== undefined) throw new Error("no such thing");
`;
/** Refuses what is named so, and advises against passwords. */
const POLICIES = `
const { PolicyPack } = require("@pulumi/policy");
const on = (name, enforcementLevel, type) => ({
  ...{ name, description: name, enforcementLevel },
  validateResource: (args, report) => args.type === type && report("not " + args.name),
});
new PolicyPack("try", {
  policies: [
    on("no-pets", "mandatory", "random:index/randomPet:RandomPet"),
    on("no-passwords", "advisory", "random:index/randomPassword:RandomPassword"),
  ],
});
`;

let program: TestProgram;
/** As somebody has it who may read the state and not open it. */
let ground: Ground;
let made: string;

beforeAll(async () => {
  program = await makeProgram(SOURCE);
  await program.good("config", "set", "--secret", "try:canary", CANARY);
  await program.good("up", "--yes", "--skip-preview");
  made = generatedSecret(JSON.parse(await program.good("stack", "export", "--show-secrets")), "made") ?? "";
  const steps = new Steps({ screen: { write: () => undefined, isTerminal: false, columns: 80 } });
  const env = {
    ...(await preparePulumi(steps, findFolders())),
    PULUMI_BACKEND_URL: program.env.PULUMI_BACKEND_URL,
  };
  ground = { stack: "test", folder: program.folder, env: { ...env, PULUMI_CONFIG_PASSPHRASE: "not the one" } };
}, 3 * MINUTES);
afterAll(() => {
  program.remove();
});

const opening = (): Ground => {
  const passphrase = readFileSync(program.env.PULUMI_CONFIG_PASSPHRASE_FILE, "utf8");
  return { ...ground, env: { ...ground.env, PULUMI_CONFIG_PASSPHRASE: passphrase } };
};
const quiet = () => undefined;
const look = (at: Ground, more: { sealed?: boolean; base?: string } = {}): Promise<StackPreview> =>
  previewAt(at, { sealed: more.sealed ?? false, base: more.base }, quiet);
const said = (preview: StackPreview) => [
  { name: "comment", content: previewMarkdown([preview]) },
  { name: "text", content: previewText([preview]) },
  { name: "json", content: JSON.stringify(preview) },
];

describe("a preview", { timeout: 3 * MINUTES }, () => {
  it("tells what changes and never a secret, in whatever form", async () => {
    await program.good("config", "set", "try:plain", "other");
    const preview = await look(opening());
    expect(preview.changes).toMatchObject([
      { op: "replace", name: "pet", properties: [{ path: "keepers.plain", replaces: true, after: '"other"' }] },
    ]);
    expect(made.length).toBe(24);
    expect(findLeaks({ CANARY, made }, said(preview))).toEqual([]);
  });

  it("of a secret that changes says that it does", async () => {
    const file = join(program.folder, "Pulumi.test.yaml");
    const before = readFileSync(file, "utf8");
    const other = `Other /"${randomBytes(9).toString("base64")}`;
    await program.good("config", "set", "--secret", "try:canary", other);
    const preview = await look(opening());
    writeFileSync(file, before);
    expect(preview.changes).toMatchObject([{ op: "replace", name: "pet" }]);
    expect(findLeaks({ CANARY, other, made }, said(preview))).toEqual([]);
  });

  it("would be seen to leak: a planted one is found", () => {
    const content = Buffer.from(CANARY).toString("base64");
    expect(findLeaks({ CANARY }, [{ name: "comment", content }])).toEqual(["CANARY in comment"]);
  });
});

describe("a preview that a mandatory policy refuses", { timeout: 3 * MINUTES }, () => {
  const withPack = (): Ground => {
    const pack = join(program.folder, "pack");
    mkdirSync(pack, { recursive: true });
    writeFileSync(join(pack, "PulumiPolicy.yaml"), "runtime: nodejs\n");
    writeFileSync(join(pack, "package.json"), '{"name":"try-pack","version":"0.0.1","main":"index.js"}');
    writeFileSync(join(pack, "index.js"), POLICIES);
    symlinkSync(join(ROOT, "node_modules"), join(pack, "node_modules"));
    const at = opening();
    return { ...at, env: { ...at.env, PULUMI_OPTION_POLICY_PACK: pack } };
  };

  it("tells what would change all the same, and what refuses it; one that fails besides fails", async () => {
    const at = withPack();
    const preview = await look(at);
    expect(preview.changes).toMatchObject([{ op: "replace", name: "pet" }]);
    const told = preview.policies.map(({ policyName, enforcementLevel, message, resourceUrn = "" }) =>
      [policyName, enforcementLevel, message.trim().split("\n").at(-1), resourceUrn.split("::").at(-1)].join(" "),
    );
    expect(told.sort()).toEqual(["no-passwords advisory not made made", "no-pets mandatory not pet pet"]);
    expect(findLeaks({ CANARY, made }, said(preview))).toEqual([]);
    await program.good("config", "set", "try:throws", "yes");
    await expect(look(at)).rejects.toThrow(/no such thing/);
    await program.good("config", "rm", "try:throws");
  });
});

describe("a preview of somebody who may open nothing", { timeout: 3 * MINUTES }, () => {
  it("fails without --sealed, and goes with it: what the file changes is told, and no secret", async () => {
    await expect(look(ground)).rejects.toThrow(/passphrase/);
    const preview = await look(ground, { sealed: true });
    expect(preview).toMatchObject({ isSealed: true, isNew: false });
    expect(preview.changes).toMatchObject([{ op: "replace", name: "pet" }]);
    expect(previewMarkdown([preview])).toContain("without opening a secret");
    expect(findLeaks({ CANARY, made }, said(preview))).toEqual([]);
  });

  it("has neither a secret nor what is closed in what it works on, and writes nothing beside the stack", async () => {
    const before = readFileSync(join(program.folder, "Pulumi.test.yaml"), "utf8");
    const state: unknown = JSON.parse(await pulumi(ground, ["stack", "export"]));
    const closed = [...JSON.stringify([state, parse(before)]).matchAll(/"(v1:[^"]+:[^"]+)"/g)].map(
      ([, text = ""]) => text,
    );
    expect(closed.length).toBeGreaterThan(3);
    await inCopy({ ...ground, root: program.folder, state }, async (copy) => {
      const shown = await pulumi(copy, ["stack", "export", "--show-secrets"]);
      const file = readFileSync(join(copy.folder, "Pulumi.test.yaml"), "utf8");
      expect(shown).toContain("placeholderForPreviews");
      expect(findLeaks({ CANARY, made }, [{ name: "copy", content: shown + file }])).toEqual([]);
      for (const text of closed) expect(shown + file).not.toContain(text);
    });
    expect(readFileSync(join(program.folder, "Pulumi.test.yaml"), "utf8")).toBe(before);
  });

  it("beside the base is quiet where nothing differs, and tells what does", async () => {
    const base = join(program.folder, "base");
    mkdirSync(base);
    for (const name of ["Pulumi.yaml", "Pulumi.test.yaml", "index.ts", "package.json", "node_modules"])
      cpSync(join(program.folder, name), join(base, name), { recursive: true });
    const same = await look(ground, { sealed: true, base });
    expect([same.changes, same.alike]).toEqual([[], 1]);
    writeFileSync(
      join(base, "Pulumi.test.yaml"),
      readFileSync(join(base, "Pulumi.test.yaml"), "utf8").replace("other", "third"),
    );
    const differs = await look(ground, { sealed: true, base });
    expect(differs.changes).toMatchObject([{ name: "pet", properties: [{ path: "keepers.plain", after: '"other"' }] }]);
  });

  it("of a stack that is not there yet says so", async () => {
    writeFileSync(join(program.folder, "Pulumi.new.yaml"), "config:\n  try:canary:\n    secure: v1:a:b\n");
    const preview = await look({ ...ground, stack: "new" });
    expect(preview.isNew).toBe(true);
    expect(preview.changes.map(({ op, name }) => `${op} ${name}`)).toEqual(
      expect.arrayContaining(["create pet", "create made"]),
    );
  });
});
