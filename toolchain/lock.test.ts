import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CommandError } from "./command.ts";
import { asRefusal, judgeLocks, readLocks, StackLocked, thisMachine, type Lock } from "./lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-lock-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const lock = (pid: number, host = "here"): Lock => ({
  pid,
  username: "me",
  hostname: host,
  timestamp: "2026-11-23T02:00:00Z",
});
const machine = { hostname: "here", isPulumi: (pid: number) => pid === 7 };

test("no lock is free", () => {
  expect(judgeLocks([], machine)).toEqual({ kind: "free" });
});

test("a lock whose process is gone is stale", () => {
  expect(judgeLocks([lock(8), lock(9)], machine)).toEqual({ kind: "stale" });
});

test("one living owner among dead ones holds the stack", () => {
  expect(judgeLocks([lock(8), lock(7)], machine)).toEqual({ kind: "held", by: lock(7) });
});

test("a lock of another machine is held, whatever its process is called here", () => {
  expect(judgeLocks([lock(8, "there")], machine)).toEqual({ kind: "held", by: lock(8, "there") });
});

test("reads Pulumi's locks of one stack and passes over what is half written", () => {
  const locks = join(folder, ".pulumi/locks/organization/slipway/dev");
  mkdirSync(locks, { recursive: true });
  writeFileSync(join(locks, "a.json"), JSON.stringify({ ...lock(8), more: 1 }));
  writeFileSync(join(locks, "a.json.attrs"), "{}");
  writeFileSync(join(locks, "b.json"), '{"pid":');
  const folders = { root: "", cache: "", config: "", state: folder };
  expect(readLocks(folders, "slipway", "dev")).toEqual([lock(8)]);
  expect(readLocks(folders, "slipway", "prod")).toEqual([]);
});

test("reads those of a shared folder there, and none of a bucket", () => {
  const locks = join(folder, "shared it/.pulumi/locks/organization/slipway/dev");
  mkdirSync(locks, { recursive: true });
  writeFileSync(join(locks, "a.json"), JSON.stringify(lock(9, "there")));
  const folders = { root: "", cache: "", config: "", state: folder };
  expect(readLocks(folders, "slipway", "dev", `file://${folder}/shared%20it`)).toEqual([lock(9, "there")]);
  expect(readLocks(folders, "slipway", "dev")).toEqual([]);
  expect(readLocks(folders, "slipway", "dev", "s3://states")).toEqual([]);
});

/** As Pulumi 3.230 says it; of two locks each has a line. */
const refusal = (...by: string[]) =>
  new CommandError(
    "pulumi up",
    "exit code 255",
    255,
    [
      `error: the stack is currently locked by ${by.length} lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.`,
      ...by.map(
        (who) =>
          `  s3://states/.pulumi/locks/organization/slipway/dev/a.json?region=x: created by ${who} at 2026-11-30T07:00:00Z`,
      ),
    ].join("\n"),
  );

test("Pulumi's refusal says who holds the stack, since when, and what to do", () => {
  const error = asRefusal("dev", refusal("me@there (pid 12)", "CORP\\some one@elsewhere (pid 13)"), machine);
  expect(error).toBeInstanceOf(StackLocked);
  expect(error).not.toBeInstanceOf(CommandError);
  expect(error).toMatchObject({ exitCode: 75 });
  expect(String(error)).toContain(
    "me@there, process 12, since 2026-11-30T07:00:00Z; CORP\\some one@elsewhere, process 13, since 2026-11-30T07:00:00Z. Wait until it is done",
  );
  expect(String(error)).toMatch(
    /Only if that process is gone, .*: eval "\$\(make -s env STACK=dev\)" && pulumi cancel dev$/,
  );
});

test("of a process of this machine it says whether that is gone", () => {
  expect(String(asRefusal("dev", refusal("me@here (pid 8)"), machine))).toContain(
    "gone from this machine. Take its lock",
  );
  expect(String(asRefusal("dev", refusal("me@here (pid 7)"), machine))).toContain("Wait until it is done");
  expect(String(asRefusal("dev", refusal(), machine))).toContain("it does not say by whom. Wait");
});

test("any other fault stays what it is", () => {
  const others = [new CommandError("pulumi up", "exit code 255", 255, "error: it broke"), new Error("locked")];
  for (const other of others) expect(asRefusal("dev", other, machine)).toBe(other);
});

test("knows a process by what it is, not by its number alone", () => {
  mkdirSync(join(folder, "12"));
  mkdirSync(join(folder, "13"));
  writeFileSync(join(folder, "12/comm"), "pulumi\n");
  writeFileSync(join(folder, "13/comm"), "bash\n");
  const { isPulumi, hostname: name } = thisMachine(folder);
  expect([12, 13, 14].map(isPulumi)).toEqual([true, false, false]);
  expect(name).toBe(hostname());
});
