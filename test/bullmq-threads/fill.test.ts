import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Wake } from "../../jobs/wake.ts";
import { takeOver, WORKER_LEASE_MS } from "../../jobs/worker-lease.ts";
import { until } from "../servers/programs.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

it("a worker keeps its lease and its job while it fills Redis again for longer than its lease", async () => {
  const { wake, pool } = world().foundation;
  const far = await world().make("work", { delayMs: 3_600_000 });
  await world().relay();
  let filling = "not yet";
  const slow: Wake = {
    ...wake,
    missing: async (wakeUps) => {
      if (filling === "not yet") {
        filling = "goes on";
        await sleep(WORKER_LEASE_MS + 2000);
        filling = "done";
      }
      return wake.missing(wakeUps);
    },
  };
  await world().redis("FLUSHALL");
  const work = () => sleep(WORKER_LEASE_MS + 3000);
  await world().start({ work }, 4, { wake: slow });
  const id = await world().make();
  await until("it is being filled", () => filling === "goes on");
  await world().reaches(id, "active");
  // What any other process does each second.
  while (filling === "goes on") {
    expect(await takeOver(pool)).toBe(0);
    await sleep(100);
  }
  expect(await world().notOnce([id])).toEqual([]);
  await until("it was filled", async () => (await world().redis("ZCARD", "slipway:default:delayed")) === 1);
  expect(await world().job(far)).toMatchObject({ state: "queued" });
});
