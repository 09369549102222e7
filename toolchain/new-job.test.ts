import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { QUEUES } from "../configs/runtime.ts";
import { copyCheckout } from "../test/servers/checkout.ts";
import { runCommand } from "./command.ts";
import { JOB_QUEUES, writeNewJob } from "./new-job.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "slipway-new-job-"));
  cleanups.push(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

test("knows every queue", () => {
  expect(JOB_QUEUES).toEqual(QUEUES);
});

test("writes two files, and nothing else, that are formatted and pass as they are, and that the registry finds", async () => {
  const checkout = copyCheckout();
  cleanups.push(() => {
    checkout.remove();
  });
  const before = readdirSync(join(checkout.root, "jobs/kinds"));
  const files = writeNewJob(checkout.root, "resize-image", "cpu");
  expect(files).toEqual(["jobs/kinds/resize-image.ts", "jobs/kinds/resize-image.test.ts"]);
  expect(readdirSync(join(checkout.root, "jobs/kinds")).sort()).toEqual(
    [...before, "resize-image.ts", "resize-image.test.ts"].sort(),
  );
  const bin = join(checkout.root, "node_modules/.bin");
  const options = { cwd: checkout.root, env: { PATH: `${bin}:${process.env["PATH"] ?? ""}` } };
  await runCommand(join(bin, "prettier"), ["--print-width", "120", "--check", ...files], options);
  expect(
    await runCommand(join(bin, "vitest"), ["run", "--project", "unit", "jobs/kinds/resize-image.test.ts"], options),
  ).toMatch(/2 passed/);
  const registry = `import { loadKinds } from "./jobs/registry.ts"; console.log((await loadKinds()).get("resize-image").queue)`;
  expect(await runCommand(join(bin, "node"), ["--input-type=module", "--eval", registry], options)).toBe("cpu");
});

test.each(["", "Resize", "resize_image", "-a", "a-", "a--b", "1st", "../x", "a/b", "a.b", "x".repeat(51), "a b"])(
  "%j is no name",
  (name) => {
    const folder = emptyFolder();
    expect(() => writeNewJob(folder, name, "default")).toThrow("allowed are words of a-z and 0-9");
    expect(readdirSync(folder)).toEqual([]);
  },
);

test("leaves what is there alone", () => {
  const folder = emptyFolder();
  writeNewJob(folder, "mine", "default");
  const before = readFileSync(join(folder, "jobs/kinds/mine.ts"), "utf8");
  rmSync(join(folder, "jobs/kinds/mine.test.ts"));
  expect(() => writeNewJob(folder, "mine", "gpu")).toThrow("jobs/kinds/mine.ts is there already. Take another name");
  expect(readdirSync(join(folder, "jobs/kinds"))).toEqual(["mine.ts"]);
  expect(readFileSync(join(folder, "jobs/kinds/mine.ts"), "utf8")).toBe(before);
});

test("other queues are refused", () => {
  expect(() => writeNewJob(emptyFolder(), "mine", "fast")).toThrow(
    'The queue is "fast"; allowed are default, cpu, gpu, maintenance.',
  );
});

test("the command says what is missing", async () => {
  const command = join(import.meta.dirname, "commands/new-job.ts");
  const failure = await runCommand(process.execPath, [command, "--name", ""]).catch(String);
  expect(failure).toContain("make new-job NAME=resize-image");
  expect(await runCommand(process.execPath, [command, "--help"])).toContain("make new-job NAME=transcribe QUEUE=gpu");
});
