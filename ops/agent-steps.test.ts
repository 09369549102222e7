import { expect, test } from "vitest";
import { Steps } from "../toolchain/steps.ts";
import { AgentSteps } from "./agent-steps.ts";

const MIB = 1024 ** 2;
const settled = () => new Promise((resolve) => setImmediate(resolve));

function shown(isTerminal: boolean) {
  let text = "";
  const screen = { write: (more: string) => (text += more), isTerminal, columns: 80 };
  const steps = new Steps({ screen, now: () => 0, everySeconds: 0 });
  return { steps, agent: new AgentSteps(steps, isTerminal ? 80 : 0), text: () => text };
}

test("a step of the agent ends where the next begins, with what it moved, and the last with the answer", async () => {
  const { agent, text } = shown(false);
  agent.take({ event: "progress", step: "postgres", doneBytes: 0, totalBytes: 3 * MIB });
  agent.take({ event: "progress", step: "postgres", doneBytes: 3 * MIB, totalBytes: 3 * MIB });
  agent.take({ event: "progress", step: "redis" });
  await settled();
  agent.end();
  await settled();
  expect(text()).toBe("✓ postgres                  0.0 s  3.0 MiB\n✓ redis                     0.0 s\n");
});

test("a step that was under way when the agent failed says so, once", async () => {
  const { agent, text } = shown(false);
  agent.take({ event: "progress", step: "recovery" });
  agent.end(true);
  agent.end();
  await settled();
  expect(text()).toBe("✗ recovery                  0.0 s  failed\n");
});

test("on a terminal the line has a bar and is never wider than that; elsewhere it is plain", () => {
  const [terminal, plain] = [shown(true), shown(false)];
  for (const { agent, steps } of [terminal, plain]) {
    agent.take({ event: "progress", step: "postgres", doneBytes: 50 * MIB, totalBytes: 100 * MIB });
    steps.tick();
    agent.end();
  }
  const line = terminal.text().split("\r\u001b[2K")[1] ?? "";
  expect(line).toBe("… postgres                  0.0 s  [###########..........]  50 %  50.0/100 MiB");
  expect(line.length).toBeLessThan(80);
  expect(plain.text()).toContain("… postgres                  0.0 s  50 %  50.0/100 MiB\n");
});
