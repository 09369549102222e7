import { SUM, type TestApi } from "../servers/api.ts";
import { creating, endedJob, sending, type Answer, type BadInputs } from "./case.ts";

const JOBS = "/api/v1/jobs";
const BATCH = { kind: "sum", members: [{ numbers: [1] }] };

/** Asks again and again until it is refused. */
async function untilRefused(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 0; tries < 20_000; tries += 1) {
    const answer = await ask();
    if (answer.statusCode >= 400) return answer;
  }
  throw new Error("it was never refused");
}

async function underKey(api: TestApi, url: string, body: unknown, key: string): Promise<Answer> {
  return api.inject(creating({ url, payload: JSON.stringify(body), headers: { "idempotency-key": key } }));
}

async function sameKey(api: TestApi, url: string, body: unknown): Promise<Answer> {
  const made = await underKey(api, JOBS, SUM, "key-1");
  if (made.statusCode !== 202) throw new Error(`the first one was refused: ${made.body}`);
  return underKey(api, url, body, "key-1");
}

async function ask(api: TestApi, id: string, verb: "cancel" | "retry"): Promise<Answer> {
  return sending("POST", `${JOBS}/${id}/${verb}`)(api);
}

async function cancelledTwice(api: TestApi): Promise<Answer> {
  const made = await sending("POST", "/api/v1/batches", { ...BATCH, aggregate: null })(api);
  const { id } = JSON.parse(made.body) as { id: string };
  await sending("POST", `/api/v1/batches/${id}/cancel`)(api);
  return sending("POST", `/api/v1/batches/${id}/cancel`)(api);
}

async function fixedSchedule(api: TestApi): Promise<Answer> {
  await api.stack.pool.query(
    `INSERT INTO schedules (tenant, name, kind, queue, params, every_seconds, next_at, source)
     VALUES ('acme', 'fixed', 'sum', 'default', '{}', 60, now(), 'code') ON CONFLICT DO NOTHING`,
  );
  return sending("DELETE", "/api/v1/schedules/fixed")(api);
}

/** The API of the test lets a tenant open one. */
async function secondStream(api: TestApi): Promise<Answer> {
  const url = `${JOBS}/${await api.make()}/events`;
  const first = await api.inject({ url, payloadAsStream: true });
  const second = await api.inject(url);
  first.stream().destroy();
  return second;
}

async function databaseAway(api: TestApi): Promise<Answer> {
  await api.stack.postgres.kill();
  const answer = await api.post(SUM);
  await api.stack.postgres.start();
  return answer;
}

export const MOMENTS: BadInputs = {
  "an `Idempotency-Key` with another body": (api) => sameKey(api, JOBS, { ...SUM, priority: 1 }),
  "an `Idempotency-Key` of a job for a batch": (api) => sameKey(api, "/api/v1/batches", BATCH),
  "the artifact of a job that has not finished": async (api) => api.inject(`${JOBS}/${await api.make()}/artifact`),
  "the artifact of a job that made none": async (api) => api.inject(`${JOBS}/${await endedJob(api)}/artifact`),
  "to cancel a job that has ended": async (api) => ask(api, await endedJob(api), "cancel"),
  "to retry a job that has not ended": async (api) => ask(api, await api.make(), "retry"),
  "to retry a job that has succeeded": async (api) => ask(api, await endedJob(api), "retry"),
  "to cancel a batch that has ended": cancelledTwice,
  "to remove a schedule that a kind brings along": fixedSchedule,
  "more requests than the tenant may make": (api) =>
    untilRefused(() => api.inject(`${JOBS}/1`, "hasty").then(unlessMissing)),
  "a job for a full queue": (api) => untilRefused(() => api.post({ ...SUM, queue: "maintenance" })),
  "one event stream more than the tenant may open": secondStream,
  "any request that needs a database that is away": databaseAway,
};

/** 404 is the answer to a request that was let in. */
function unlessMissing(answer: Answer): Answer {
  return answer.statusCode === 404 ? { ...answer, statusCode: 200 } : answer;
}
