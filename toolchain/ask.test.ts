import { expect, test } from "vitest";
import { askOnTerminal, confirm } from "./ask.ts";

const answering = (answer: string) => ({ isYes: false, question: async () => answer });

test.each(["", "y", "Y", "yes", " yes "])("%j is a yes", async (answer) => {
  await expect(confirm("Install?", answering(answer), "Run: apt-get")).resolves.toBeUndefined();
});

test.each(["n", "no", "what?"])("%j is none, and says what to do instead", async (answer) => {
  await expect(confirm("Install?", answering(answer), "Run: apt-get")).rejects.toThrow("Run: apt-get");
});

test("nobody is asked where SLIPWAY_YES says so", async () => {
  const ask = { ...askOnTerminal({ SLIPWAY_YES: "1" }), question: () => Promise.reject(new Error("asked")) };
  await confirm("Install?", ask, "no");
});
