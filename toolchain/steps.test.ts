import { expect, test } from "vitest";
import { CommandError } from "./command.ts";
import { formatSeconds, Steps } from "./steps.ts";

function recorded(isTerminal: boolean) {
  let text = "";
  let at = 0;
  const screen = { write: (more: string) => (text += more), isTerminal, columns: 60 };
  return {
    steps: new Steps({ screen, now: () => at, everySeconds: 15 }),
    wait: (seconds: number) => (at += seconds * 1000),
    text: () => text,
  };
}

test("a step's line has its mark, title, elapsed time and note, and its result goes on", async () => {
  const { steps, wait, text } = recorded(false);
  const result = await steps.run(
    "Pulumi",
    async () => {
      wait(3.2);
      return 41;
    },
    (found) => `found ${found}`,
  );
  expect(result).toBe(41);
  expect(text()).toBe("✓ Pulumi                    3.2 s  found 41\n");
});

test("without a terminal a long step speaks every 15 s, with its last word", async () => {
  const { steps, wait, text } = recorded(false);
  await steps.run("Build", async (report) => {
    report("1 package");
    wait(14);
    steps.tick();
    report("2 packages");
    wait(1);
    steps.tick();
    steps.tick();
  });
  expect(text()).toBe("… Build                      15 s  2 packages\n✓ Build                      15 s\n");
});

test("on a terminal the line is written over and never longer than the terminal is wide", async () => {
  const { steps, text } = recorded(true);
  await steps.run("Build", async (report) => {
    report("x".repeat(200));
    steps.tick();
  });
  const [, live = "", end = ""] = text().split("\r\x1b[2K");
  expect(live).toHaveLength(59);
  expect(end).toBe("✓ Build                     0.0 s\n");
});

test("on a terminal a note that is too long goes on below itself", async () => {
  const { steps, text } = recorded(true);
  await steps.run(
    "Build",
    () => Promise.resolve(),
    () => "a note of many words",
  );
  expect(text()).toContain("0.0 s  a note of many words\n");
  await steps.run(
    "Build",
    () => Promise.resolve(),
    () => "a note of even more words than there is room for",
  );
  expect(text()).toContain(`0.0 s  a note of even more words\n${" ".repeat(35)}than there is room for\n`);
});

test("a step that fails says so, and its error goes on", async () => {
  const { steps, text } = recorded(false);
  const error = new CommandError("go build", "exit code 1", 1, "undefined: x");
  await expect(steps.run("Build", () => Promise.reject(error))).rejects.toBe(error);
  expect(text()).toBe("✗ Build                     0.0 s  failed; what it printed last follows\n");
  expect(error.message).toBe("go build: exit code 1\nundefined: x");
});

test("steps side by side share one live line", async () => {
  const { steps, text } = recorded(true);
  await Promise.all([
    steps.run("One", async () => {
      await Promise.resolve();
    }),
    steps.run("Two", async () => {
      steps.tick();
      await Promise.resolve();
    }),
  ]);
  expect(text()).toContain("… One                       0.0 s  … Two");
  expect(text().match(/✓/g)).toHaveLength(2);
});

test.each([
  [0.04, "0.0 s"],
  [9.94, "9.9 s"],
  [9.96, "10 s"],
  [99.4, "99 s"],
  [187, "3 min 07 s"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});
