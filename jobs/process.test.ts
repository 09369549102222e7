import { describe, expect, it } from "vitest";
import { createTestLog } from "../test/servers/stack.ts";
import { OutOfPatience, untilItWorks } from "./patience.ts";
import { createCloseStack } from "./process.ts";

const { log } = createTestLog();

describe("createCloseStack", () => {
  it("closes in reverse order, whatever fails, and once", async () => {
    const order: string[] = [];
    const { log: ownLog, lines } = createTestLog();
    const stack = createCloseStack(ownLog);
    stack.add("first", async () => void order.push("first"));
    stack.add("broken", async () => {
      throw new Error("stuck");
    });
    stack.add("last", async () => void order.push("last"));
    await Promise.all([stack.close(), stack.close()]);
    expect(order).toEqual(["last", "first"]);
    expect(lines).toMatchObject([{ name: "broken", err: { message: "stuck" } }]);
  });
});

describe("untilItWorks", () => {
  it("tries again and gives what it got in the end", async () => {
    let tries = 0;
    const result = await untilItWorks(
      async () => {
        tries += 1;
        if (tries < 3) throw new Error("not yet");
        return tries;
      },
      { what: "a thing", log },
    );
    expect(result).toBe(3);
  });

  it("gives up with the last reason, told in full where there are several", async () => {
    const several = async () => Promise.reject(new AggregateError([new Error("a"), new Error("b")]));
    await expect(untilItWorks(several, { what: "a thing", log, forMs: 100 })).rejects.toThrow(
      new OutOfPatience("a thing: not reached within 0 s; last: a; b"),
    );
  });

  it("ends when it is told to", async () => {
    const stop = new AbortController();
    const waiting = untilItWorks(async () => Promise.reject(new Error("no")), {
      what: "a thing",
      log,
      signal: stop.signal,
    });
    stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow(/stopped|abort/);
  });
});
