import { expect, test } from "vitest";
import { established } from "./add-ons.ts";

/** Answers of kubectl, one after another. */
function kubectl(answers: readonly (Error | string)[]) {
  let asked = 0;
  return {
    asked: () => asked,
    run: async () => {
      const answer = answers[asked++];
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error("asked once too often");
      return answer;
    },
  };
}

const NOT_YET = new Error(
  "kubectl wait: exit code 1\nerror: .status.conditions accessor error: <nil> is of the type <nil>, expected []interface{}",
);

test("definitions without conditions yet are waited for, which kubectl does not do", async () => {
  const { run, asked } = kubectl([NOT_YET, NOT_YET, "condition met"]);
  await established(run, "--filename=x");
  expect(asked()).toBe(3);
});

test("whatever else goes wrong with definitions is told at once", async () => {
  const { run, asked } = kubectl([new Error("error: timed out waiting for the condition")]);
  await expect(established(run, "--filename=x")).rejects.toThrow("timed out waiting");
  expect(asked()).toBe(1);
});
