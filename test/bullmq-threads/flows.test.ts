import { describe, expect, it } from "vitest";
import { PermanentFailure } from "../../jobs/kind.ts";
import { retryJob } from "../../jobs/lifecycle.ts";
import { MAX_LOSSES } from "../../jobs/worker-lease.ts";
import { TENANT, useWorld } from "./world.ts";

const world = useWorld();

const hopeless = async () => Promise.reject(new PermanentFailure("no-hope", "as asked"));

describe("a job that waits for others", () => {
  it("3362: a member that fails for good does not leave the aggregate waiting", async () => {
    const { aggregate, members } = await world().batch(3, "fail");
    await world().start({ work: async ({ jobId }) => (jobId === members[1] ? hopeless() : "done") });
    expect(await world().ended(aggregate)).toMatchObject({ state: "dead", error: { code: "member-failed" } });
    expect(world().runs.has(aggregate)).toBe(false);
  });

  it("3122: it runs when all of its members have failed, if the batch says so", async () => {
    const { aggregate, members } = await world().batch(3, "continue");
    const seen: unknown[] = [];
    const join = async ({ members: list }: { members: () => AsyncIterable<{ state: string }> }) => {
      for await (const { state } of list()) seen.push(state);
    };
    await world().start({ work: hopeless, join });
    expect(await world().ended(aggregate)).toMatchObject({ state: "succeeded", attempt: 1 });
    expect(seen).toEqual(members.map(() => "dead"));
  });

  it("2644: each of 20 starts, and once, when its 15 members end at the same moment in two workers", async () => {
    const batches = await Promise.all(Array.from({ length: 20 }, () => world().batch(15, "fail")));
    await world().start({}, 50);
    await world().start({}, 50);
    expect(await world().notOnce(batches.map((batch) => batch.aggregate))).toEqual([]);
    expect(await world().notOnce(batches.flatMap((batch) => batch.members))).toEqual([]);
  });

  it("2464: a member that was lost with its worker too often ends its aggregate, or lets it run", async () => {
    const strict = await world().batch(1, "fail");
    const lenient = await world().batch(1, "continue");
    for (const { members } of [strict, lenient]) await world().lose(members[0] ?? "", MAX_LOSSES);
    expect(await world().job(strict.aggregate)).toMatchObject({ state: "dead", error: { code: "member-failed" } });
    await world().start();
    expect(await world().ended(lenient.aggregate)).toMatchObject({ state: "succeeded" });
  });

  it("3235: it does not wait when nothing is left to wait for: neither after its own failure nor after a member's", async () => {
    const { pool } = world().stack;
    const { aggregate, members } = await world().batch(2, "fail");
    const failing = new Set([members[0], aggregate]);
    const fails = async ({ jobId }: { jobId: string }) => (failing.delete(jobId) ? hopeless() : "done");
    await world().start({ work: fails, join: fails });
    expect(await world().ended(aggregate)).toMatchObject({ state: "dead", error: { code: "member-failed" } });
    expect(await retryJob(pool, TENANT, members[0] ?? "")).toEqual({ is: "queued", state: "queued" });
    await world().reaches(members[0] ?? "", "succeeded");
    expect(await world().ended(aggregate)).toMatchObject({ state: "dead", error: { code: "no-hope" } });
    expect(await retryJob(pool, TENANT, aggregate)).toEqual({ is: "queued", state: "queued" });
    expect(await world().ended(aggregate)).toMatchObject({ state: "succeeded" });
  });
});
