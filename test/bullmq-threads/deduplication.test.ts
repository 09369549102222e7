import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { retryJob } from "../../jobs/lifecycle.ts";
import { PermanentFailure } from "../../jobs/kind.ts";
import { insertJob } from "../../jobs/store.ts";
import { sweep } from "../../jobs/sweeping.ts";
import { entryOf, QUEUE_PREFIX } from "../../jobs/wake.ts";
import { TENANT, useWorld } from "./world.ts";

const world = useWorld();

async function ask(key: string) {
  const idempotency = { key, fingerprint: createHash("sha256").update("body").digest() };
  const id = world().id();
  const job = { id, tenant: TENANT, kind: "work", queue: "default", params: {}, idempotency };
  return { id, outcome: await insertJob(world().stack.pool, job) };
}

const expire = async () => {
  await world().stack.pool.query("UPDATE idempotency_keys SET expires_at = now() - interval '1 s'");
};

it("3765: work that is asked for again is never passed over in silence: the first is named, or it is done again", async () => {
  let hope = false;
  await world().start({
    work: async () => (hope ? "done" : Promise.reject(new PermanentFailure("no-hope", "not yet"))),
  });
  const first = await ask("once");
  expect(first.outcome.is).toBe("made");
  await world().reaches(first.id, "dead");
  expect((await ask("once")).outcome).toEqual({ is: "known", id: first.id });
  // Asked for again under its own id, while a trace of its first wake-up may still be in Redis.
  hope = true;
  expect(await retryJob(world().stack.pool, TENANT, first.id)).toMatchObject({ is: "queued" });
  expect(await world().ended(first.id)).toMatchObject({ state: "succeeded", attempt: 2 });
  await expire();
  const second = await ask("once");
  expect(second.outcome.is).toBe("made");
  expect(await world().ended(second.id)).toMatchObject({ state: "succeeded", attempt: 1 });
});

it("3236: taking away an old job does not free the key that a newer one holds", async () => {
  const old = await ask("same");
  await world().stack.pool.query("UPDATE jobs SET state = 'dead', finished_at = now() - interval '90 d'");
  await expire();
  const newer = await ask("same");
  expect(newer.outcome.is).toBe("made");
  const { pool, objects } = world().foundation;
  const signal = new AbortController().signal;
  const days = { retentionDays: 30, orphanHours: 24 };
  const swept = await sweep({ database: pool, objects, ...days, walk: false, log: world().testLog.log, signal });
  expect(swept).toMatchObject({ jobs: 1, idempotencyKeys: 0 });
  await expect(world().job(old.id)).rejects.toThrow("is gone");
  expect((await ask("same")).outcome).toEqual({ is: "known", id: newer.id });
});

it("2870: what is left in Redis under the id of a wake-up, in no list, does not keep the job from running", async () => {
  const id = await world().make();
  const key = `${QUEUE_PREFIX}:default:${entryOf({ jobId: id, attempt: 0 })}`;
  await world().redis("HSET", key, "failedReason", "Missing key for job finished", "attemptsMade", "1");
  await world().relay();
  await world().stack.pool.query("UPDATE jobs SET run_at = now() - interval '10 s'");
  await world().start();
  expect(await world().notOnce([id])).toEqual([]);
});
