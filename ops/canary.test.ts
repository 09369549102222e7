import { describe, expect, it, test } from "vitest";
import { ALWAYS_BLUE_GREEN, askedCanary, refuseBreaking, type CanaryWords } from "./canary.ts";

const words: CanaryWords = {
  ...{ shares: "10,50,100", isBlueGreen: false, seconds: undefined },
  ...{ platform: "docker", mode: undefined },
};

test("a canary is what was typed, with a minute a share where nobody says otherwise", () => {
  expect(askedCanary(words)).toEqual({ shares: [10, 50, 100], seconds: 60 });
  expect(askedCanary({ ...words, shares: "5", seconds: "300" })).toEqual({ shares: [5], seconds: 300 });
  expect(askedCanary({ ...words, shares: undefined })).toBeUndefined();
});

test("blue-green is all of it in a cluster, and on a Docker engine what every deploy is", () => {
  const blueGreen: CanaryWords = { ...words, shares: undefined, isBlueGreen: true };
  expect(askedCanary({ ...blueGreen, platform: "kubernetes" })).toEqual({ shares: [100], seconds: 60 });
  expect(askedCanary({ ...blueGreen, platform: "kubernetes", seconds: "5" })).toEqual({ shares: [100], seconds: 5 });
  expect(askedCanary(blueGreen)).toBeUndefined();
  expect(() => askedCanary({ ...blueGreen, seconds: "5" })).toThrow(ALWAYS_BLUE_GREEN);
});

test.each<[Partial<CanaryWords>, string]>([
  [{ shares: "100" }, "the first below 100"],
  [{ shares: "50,10" }, "whole percents that grow"],
  [{ shares: "10,10" }, "whole percents that grow"],
  [{ shares: "0,50" }, "whole percents that grow"],
  [{ shares: "10,101" }, "whole percents that grow"],
  [{ shares: "10,,50" }, "whole percents that grow"],
  [{ shares: "1.5" }, "whole percents that grow"],
  [{ shares: "" }, "whole percents that grow"],
  [{ seconds: "0" }, "a whole number from 1 to 99999"],
  [{ seconds: "1m" }, "a whole number from 1 to 99999"],
  [{ shares: undefined, seconds: "5" }, "--canary-seconds goes with --canary or --blue-green"],
  [{ isBlueGreen: true }, "--canary and --blue-green do not go together"],
  [{ shares: undefined, isBlueGreen: true, mode: "rollback" }, "--blue-green and --rollback do not go together"],
  [{ shares: undefined, isBlueGreen: true, platform: "aws" }, "--blue-green is for stacks on a Docker engine and in"],
  [{ mode: "skip-build" }, "--canary and --skip-build do not go together"],
  [{ platform: "aws" }, "for stacks on a Docker engine and in a cluster that exists"],
])("%j is refused", (more, why) => {
  expect(() => askedCanary({ ...words, ...more })).toThrow(why);
});

describe("a migration that breaks the release before", () => {
  const migrations = [
    { version: 1, file: "0001-a.sql", phase: "incompatible" },
    { version: 2, file: "0002-b.sql", phase: "expand" },
  ];
  const seen = (...versions: number[]) => ({
    kind: "seen" as const,
    look: {
      ...{ failing: [], waiting: [], oldestDueSeconds: 0 },
      applied: migrations.filter(({ version }) => versions.includes(version)),
    },
  });

  it("is refused while it is still to run", () => {
    expect(() => {
      refuseBreaking(seen(), migrations);
    }).toThrow("0001-a.sql is incompatible");
  });

  it("is none once it has run, or where nothing runs", () => {
    expect(() => {
      refuseBreaking(seen(1), migrations);
      refuseBreaking({ kind: "nothing runs" }, migrations);
    }).not.toThrow();
  });
});
