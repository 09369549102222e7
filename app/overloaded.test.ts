import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestApi, SUM, type TestApi } from "../test/servers/api.ts";
import { until } from "../test/servers/programs.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ MAX_WAITING_INSERTS: "3" });
});
afterAll(() => api.close());

it("refuses with 503 what goes beyond the jobs that may wait for their commit, keeps nothing of it, and takes more after", async () => {
  // Nobody commits a job while the table is locked.
  const lock = await api.stack.pool.connect();
  await lock.query("BEGIN; LOCK TABLE jobs IN EXCLUSIVE MODE");
  const waiting = [api.post(SUM), api.post(SUM), api.post(SUM)];
  await until("three wait", async () => (await api.inject("/metrics")).body.includes("slipway_job_inserts_waiting 3"));
  const refused = await api.post(SUM);
  expect(refused.json()).toMatchObject({ status: 503, type: "urn:slipway:problem:overloaded" });
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  await lock.query("ROLLBACK");
  lock.release();
  const codes = (await Promise.all(waiting)).map(({ statusCode }) => statusCode);
  expect(codes).toEqual([202, 202, 202]);
  expect((await api.post(SUM)).statusCode).toBe(202);
  expect((await api.stack.pool.query("SELECT FROM jobs")).rowCount).toBe(4);
});
