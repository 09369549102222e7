import { expect, it } from "vitest";
import { BEGINNING, eventsAfter } from "../../app/events/derive.ts";
import { retryJob } from "../../jobs/lifecycle.ts";
import { readSnapshots } from "../../jobs/reads.ts";
import { MAX_LOSSES } from "../../jobs/worker-lease.ts";
import { TENANT, useWorld } from "./world.ts";

const world = useWorld();

it("3183: a job that takes longer than lock, stalled check and lease is not begun by another worker", async () => {
  const work = () => new Promise<void>((resolve) => setTimeout(resolve, 8000));
  await world().start({ work });
  await world().start({ work });
  const ids = await world().makeMany(3);
  expect(await world().notOnce(ids)).toEqual([]);
  expect(world().testLog.lines.filter((line) => Number(line["level"]) >= 40)).toEqual([]);
});

it("3555: a job that was lost too often runs when it is retried, and may be lost again meanwhile", async () => {
  const id = await world().make();
  await world().lose(id, MAX_LOSSES);
  expect(await world().job(id)).toMatchObject({ state: "dead", error: { code: "worker-lost" } });
  expect(await retryJob(world().stack.pool, TENANT, id)).toMatchObject({ is: "queued" });
  await world().lose(id, MAX_LOSSES - 1);
  expect(await world().job(id)).toMatchObject({ state: "queued" });
  await world().start();
  expect(await world().ended(id)).toMatchObject({ state: "succeeded", attempt: 2 * MAX_LOSSES });
});

it("3282: every loss is told, the last one too, by attempts and events", async () => {
  const id = await world().make();
  await world().lose(id, MAX_LOSSES);
  expect(await world().outcomes(id)).toEqual(Array.from({ length: MAX_LOSSES }, () => "lost"));
  const [snapshot] = await readSnapshots(world().stack.pool, [{ id, tenant: TENANT, fromAttempt: 0 }]);
  if (!snapshot) throw new Error(`job ${id} is gone`);
  const events = eventsAfter(snapshot, BEGINNING).map(({ type }) => type);
  const each = Array.from({ length: MAX_LOSSES }, () => ["started", "attempt-ended"]);
  expect(events).toEqual(["made", ...each.flat(), "finished"]);
  expect(snapshot.attempts.map(({ error }) => error?.code)).toEqual(each.map(() => "worker-lost"));
});
