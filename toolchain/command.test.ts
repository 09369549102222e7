import { expect, test } from "vitest";
import { CommandError, lastLines, runCommand, runShown } from "./command.ts";

test("gives what the program wrote, and each line as it comes", async () => {
  const seen: string[] = [];
  const said = await runCommand("sh", ["-c", "echo one; echo two >&2; cat"], {
    input: "three\n",
    onLine: (line) => seen.push(line),
  });
  expect(said).toBe("one\nthree");
  expect(seen.sort()).toEqual(["one", "three", "two"]);
});

test("a failure carries its exit code and the end of its output", async () => {
  const failure = await runCommand("sh", ["-c", "echo broken >&2; exit 3"]).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CommandError);
  expect(failure).toMatchObject({ code: 3, output: "broken" });
  expect(String(failure)).toContain("exit code 3\nbroken");
});

test("a program that is not there is a failure like others", async () => {
  await expect(runCommand("slipway-none", [])).rejects.toThrow("slipway-none: could not be started");
});

test("a program that takes too long is ended", async () => {
  await expect(runCommand("sleep", ["600"], { timeoutSeconds: 0.1 })).rejects.toThrow("ended by SIGTERM");
});

test("input that nobody reads does no harm", async () => {
  await expect(runCommand("true", [], { input: "x".repeat(1_000_000) })).resolves.toBe("");
});

test("what is shown ends with the program's own exit code", async () => {
  expect(await runShown("sh", ["-c", "exit 4"])).toBe(4);
});

test("last lines", () => {
  expect(lastLines("a\nb\nc\n", 2)).toBe("b\nc");
});

test("what runs elsewhere is told once to end, and this process with the second signal", async () => {
  const script = `
    import { passSignalsOn, wasInterrupted, whileElsewhere } from "${new URL("command.ts", import.meta.url).href}";
    passSignalsOn();
    let told = 0;
    const end = () => { told++; console.log("told", told, wasInterrupted()); process.kill(process.pid, "SIGTERM"); };
    setTimeout(() => process.kill(process.pid, "SIGTERM"), 20);
    await whileElsewhere(() => new Promise((resolve) => setTimeout(resolve, 10_000)), end);
  `;
  const failure = await runCommand(process.execPath, ["--input-type=module", "-e", script]).catch((e: unknown) => e);
  expect(failure).toMatchObject({ code: 130, output: "told 1 true" });
});
