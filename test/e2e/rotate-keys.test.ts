import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { signRequest, type RequestKey } from "../../app/credentials.ts";
import { makeOpsStack, type OpsStack } from "./ops-stack.ts";

/** What clients hold: keys of signed requests, and what opens their ENC(...) values. */
const OLD = { id: "acme", tenant: "acme", secret: Buffer.alloc(32, "old").toString("base64url") };
const AES = "a".repeat(40);
let stack: OpsStack;
let folder: string;
let file: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-rotate-keys-"));
  file = join(folder, "acme.json");
  stack = await makeOpsStack();
  await stack.up();
  await stack.setSecret("hmacKeys", JSON.stringify({ keys: [OLD] }));
  await stack.setSecret("aesSecret", AES);
  await stack.up();
});
afterAll(async () => {
  await stack.remove();
  rmSync(folder, { recursive: true });
});

async function status(key: RequestKey): Promise<number> {
  const path = "/api/v1/jobs?limit=1";
  const response = await fetch(`${stack.url}${path}`, { headers: signRequest(key, { method: "GET", path }) });
  return response.status;
}

async function rotate(...words: string[]): Promise<{ code: number; output: string; stdout: string }> {
  return stack.slipway("rotate", ...words).ended;
}

const fresh = () => JSON.parse(readFileSync(file, "utf8")) as RequestKey;

it("makes a key of the same tenant, which only a file of mode 0600 has, and both are accepted", async () => {
  const plan = await rotate("hmac", "--key", "acme", "--to", file);
  expect(plan, plan.output).toMatchObject({ code: 0 });
  expect(plan.stdout).toContain("acme-second of acme is accepted beside acme. Nothing was changed.");
  const made = await rotate("hmac", "--key", "acme", "--to", file, "--yes");
  expect(made, made.output).toMatchObject({ code: 0 });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(fresh()).toMatchObject({ id: "acme-second", tenant: "acme" });
  expect(made.output).not.toContain(fresh().secret);
  expect(stack.file()).not.toContain(fresh().secret);
  expect([await status(OLD), await status(fresh())]).toEqual([200, 200]);
});

it("turns the old one off, goes back, and forgets", async () => {
  const wanted = [
    ["--off", [401, 200]],
    ["--back", [200, 200]],
    ["--off", [401, 200]],
    ["--forget", [401, 200]],
  ] as const;
  for (const [word, codes] of wanted) {
    const said = await rotate("hmac", "--key", "acme", word, "--yes");
    expect(said, said.output).toMatchObject({ code: 0 });
    expect([await status(OLD), await status(fresh())], word).toEqual(codes);
  }
  const last = await rotate("hmac", "--key", "acme-second", "--off", "--yes");
  expect(last.code).toBe(2);
  expect(last.output).toContain("acme would be shut out");
});

it("brings a second secret for ENC(...) values in beside the first, and takes that away when it is told to", async () => {
  const moved = await rotate("aes", "--yes");
  expect(moved, moved.output).toMatchObject({ code: 0 });
  expect(moved.stdout).toContain(`Pulumi.${stack.name}.yaml has no ENC(...) value that had to be closed again.`);
  expect(stack.file()).toMatch(/slipway:aesSecretSecond:\s+secure:/);
  expect(moved.output).toContain("close them again with the new secret");
  const off = await rotate("aes", "--off", "--yes", "--json");
  expect(off, off.output).toMatchObject({ code: 0 });
  expect((JSON.parse(off.stdout) as { result: unknown }).result).toMatchObject({
    ...{ slots: { slot: "second", other: "off" }, closedAgain: [], strangers: [] },
  });
  expect((await rotate("aes", "--forget", "--yes")).code).toBe(0);
  expect(stack.file()).not.toMatch(/slipway:aesSecret:/);
});
