import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ContainerState, Engine } from "./engine.ts";
import { indentLog, isHopeless, UnhealthyError, waitHealthy } from "./health.ts";

const STARTING: ContainerState = {
  name: "slipway-dev-api-1-abc",
  running: true,
  restarts: 0,
  exitCode: 0,
  health: "starting",
  lastCheck: "",
};
const HEALTHY: ContainerState = { ...STARTING, health: "healthy" };
const UNHEALTHY: ContainerState = { ...STARTING, health: "unhealthy", lastCheck: "connect ECONNREFUSED" };

/**
 * To test decisions: an engine whose containers go through the states of a script and stay in the last one. What a real
 * engine answers is test/e2e's part.
 */
function scripted(script: Readonly<Record<string, readonly ContainerState[]>>, log = "first\nlast\n") {
  const asked: string[] = [];
  const refuse = () => Promise.reject(new Error("waiting for health only looks"));
  const engine: Engine = {
    list: () => Promise.resolve([]),
    inspect: async (id) => {
      const states = script[id] ?? [];
      const state = states[Math.min(asked.filter((one) => one === id).length, states.length - 1)];
      asked.push(id);
      if (!state) throw new Error(`no such container: ${id}`);
      return state;
    },
    logs: async (_id, lines) => log.split("\n").slice(-lines).join("\n"),
    start: refuse,
    stop: refuse,
    wait: refuse,
    exec: refuse,
    follow: refuse,
  };
  return { engine, asked };
}

async function refusal(states: readonly ContainerState[], timeoutSeconds: number, log?: string): Promise<string> {
  const { engine } = scripted({ one: states }, log);
  const error: unknown = await waitHealthy(engine, ["one"], timeoutSeconds).catch((reason: unknown) => reason);
  if (error instanceof UnhealthyError) return error.message;
  throw new Error(`expected an UnhealthyError, got ${String(error)}`);
}

describe("waitHealthy", () => {
  it("returns when every container is healthy, and asks on until then", async () => {
    const { engine, asked } = scripted({ one: [STARTING, HEALTHY], two: [HEALTHY] });
    await waitHealthy(engine, ["one", "two"], 60);
    expect(asked.sort()).toEqual(["one", "one", "two"]);
  });

  it("gives a container that exited the time to be started again", async () => {
    const { engine } = scripted({ one: [{ ...STARTING, running: false, exitCode: 1, restarts: 1 }, HEALTHY] });
    await expect(waitHealthy(engine, ["one"], 60)).resolves.toBeUndefined();
  });

  it("does not take a container for healthy that is not running", async () => {
    expect(await refusal([{ ...HEALTHY, running: false, exitCode: 137 }], 0)).toContain("exited with code 137");
  });

  it("fails for one that is unhealthy although the others are well", async () => {
    const { engine } = scripted({ one: [HEALTHY], two: [UNHEALTHY] });
    await expect(waitHealthy(engine, ["one", "two"], 60)).rejects.toThrow(UnhealthyError);
  });

  it("names container, reason, last check and the end of the log", async () => {
    expect(await refusal([STARTING, UNHEALTHY], 60)).toBe(
      "slipway-dev-api-1-abc runs but its health check fails.\n" +
        "Its last health check said: connect ECONNREFUSED\n" +
        "The end of its log:\n  first\n  last",
    );
  });

  it.each([
    [
      "restarts again and again",
      { restarts: 3, exitCode: 78 },
      60,
      "exits with code 78 at every start (started again 3 times)",
    ],
    ["has no health check", { health: "none" }, 60, "has no health check"],
    ["exited and stays so", { running: false, exitCode: 1 }, 0, "is not running: it exited with code 1"],
    ["is late", {}, 0, "was not healthy after 0 seconds"],
  ] as const)("says why when a container %s", async (_what, change, seconds, reason) => {
    const message = await refusal([{ ...STARTING, ...change }], seconds);
    expect(message.split("\n")[0]).toBe(`slipway-dev-api-1-abc ${reason}.`);
    expect(message).not.toContain("last health check");
  });

  it("shows the last 30 lines, and none of a terminal's width several times over", async () => {
    const log = Array.from({ length: 50 }, (_, line) => `${line} ${"x".repeat(1000)}`).join("\n");
    const shown = (await refusal([UNHEALTHY], 60, log)).split("The end of its log:\n")[1]?.split("\n") ?? [];
    expect(shown).toHaveLength(30);
    expect(shown[0]).toMatch(/^ {2}20 x{297}\.\.\.$/);
  });
});

it("gives up at once only where waiting changes nothing", () => {
  expect([STARTING, HEALTHY, { ...STARTING, running: false }, { ...STARTING, restarts: 2 }].map(isHopeless)).toEqual(
    Array(4).fill(false),
  );
  expect([UNHEALTHY, { ...STARTING, restarts: 3 }, { ...STARTING, health: "none" as const }].map(isHopeless)).toEqual(
    Array(3).fill(true),
  );
});

describe("indentLog", () => {
  it.each(["", "\n", "  \n\n"])("says so when there is nothing: %j", (log) => {
    expect(indentLog(log)).toBe("  (it printed nothing)");
  });

  it("keeps every line, in order, cut at 300 characters", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ maxLength: 700 }).map((line) => `|${line.replaceAll(/\s/g, "_")}`),
          { minLength: 1 },
        ),
        (lines) => {
          const shown = indentLog(`${lines.join("\n")}\n`).split("\n");
          expect(shown).toEqual(lines.map((line) => `  ${line.slice(0, 300)}${line.length > 300 ? "..." : ""}`));
        },
      ),
    );
  });
});
