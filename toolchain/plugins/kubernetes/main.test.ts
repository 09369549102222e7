import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { until } from "../../../test/servers/programs.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it("ends by itself when its engine was killed", async () => {
  const engine = spawn("sh", ["-c", '"$0" "$1" & echo "pid $!"; wait', process.execPath, MAIN]);
  let said = "";
  engine.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await until("it serves", () => /^\d+$/m.test(said));
  const pid = Number(/^pid (\d+)$/m.exec(said)?.[1]);
  expect(isAlive(pid)).toBe(true);
  engine.kill("SIGKILL");
  await once(engine, "exit");
  await until("it has ended", () => !isAlive(pid));
});
