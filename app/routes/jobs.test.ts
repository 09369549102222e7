import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { failJob } from "../../jobs/attempts.ts";
import { endedJob } from "../../test/bad-input/case.ts";
import { until } from "../../test/servers/programs.ts";
import { startTestApi, SUM, type TestApi } from "../../test/servers/api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ CORS_ORIGINS: "https://app.example.org" });
});
afterAll(() => api.close());
beforeEach(() => api.stack.reset());

interface Page {
  readonly jobs: readonly { readonly id: string; readonly kind: string }[];
  readonly nextCursor: string | null;
}

describe("GET /api/v1/jobs", () => {
  it("gives every job once, newest first, while others come", async () => {
    const made: string[] = [];
    for (let n = 0; n < 7; n += 1) made.push(await api.make());
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Page = (await api.inject(`/api/v1/jobs?limit=3${cursor && `&cursor=${cursor}`}`)).json<Page>();
      seen.push(...page.jobs.map(({ id }) => id));
      cursor = page.nextCursor;
      await api.make();
    }
    expect(seen).toEqual(made.reverse());
  });

  it("filters by state, kind and queue", async () => {
    const ended = await endedJob(api);
    await api.post({ kind: "speech", params: { text: "a" } });
    const fast = (await api.post({ ...SUM, queue: "maintenance" })).json<{ id: string }>().id;
    const ids = async (query: string) =>
      (await api.inject(`/api/v1/jobs?${query}`)).json<Page>().jobs.map(({ id }) => id);
    expect(await ids("state=succeeded")).toEqual([ended]);
    expect(await ids("queue=maintenance&kind=sum")).toEqual([fast]);
    expect(await ids("kind=sum")).toEqual([fast, ended]);
  });

  it("is compressed when it is large and the client takes it", async () => {
    for (let n = 0; n < 10; n += 1) await api.make();
    for (const encoding of ["br", "gzip"]) {
      const answer = await api.inject({ url: "/api/v1/jobs", headers: { "accept-encoding": encoding } });
      expect(answer.headers["content-encoding"]).toBe(encoding);
    }
    expect((await api.inject("/api/v1/jobs")).headers["content-encoding"]).toBeUndefined();
  });
});

describe("Idempotency-Key", () => {
  const post = (payload: string, key: string) =>
    api.inject({
      method: "POST",
      url: "/api/v1/jobs",
      payload,
      headers: { "idempotency-key": key, "content-type": "application/json" },
    });

  it("gives the same job for the same request, however its fields are ordered, also to requests at the same moment", async () => {
    const first = await post(JSON.stringify(SUM), "one");
    const answers = await Promise.all(
      ['{ "params": {"numbers": [1,2]}, "kind": "sum" }', '{"kind":"sum","priority":0,"params":{"numbers":[1,2]}}'].map(
        (body) => post(body, "one"),
      ),
    );
    for (const answer of answers) {
      expect(answer.statusCode).toBe(202);
      expect(answer.headers["idempotency-replayed"]).toBe("true");
      expect(answer.json()).toEqual(first.json());
    }
    const together = await Promise.all([1, 2, 3].map(() => post(JSON.stringify(SUM), "two")));
    expect(new Set(together.map((answer) => answer.json<{ id: string }>().id)).size).toBe(1);
    expect((await api.stack.pool.query("SELECT id FROM jobs")).rows).toHaveLength(2);
  });

  it("tells the state that the job is in now", async () => {
    const { id } = (await post(JSON.stringify(SUM), "three")).json<{ id: string }>();
    await api.claim(id);
    expect((await post(JSON.stringify(SUM), "three")).json()).toMatchObject({ id, state: "active" });
  });
});

describe("cancel, retry, attempts", () => {
  const act = (id: string, verb: string, headers = {}) =>
    api.inject({ method: "POST", url: `/api/v1/jobs/${id}/${verb}`, headers });

  it("cancels a queued job at once, asks a running one to stop, and starts it over", async () => {
    const id = await api.make();
    expect((await act(id, "cancel")).json()).toEqual({ id, state: "cancelled", cancelRequested: false });
    expect((await act(id, "retry", { "content-type": "application/json" })).json()).toEqual({ id, state: "queued" });
    await api.claim(id);
    expect((await act(id, "cancel")).json()).toEqual({ id, state: "active", cancelRequested: true });
    expect((await api.inject(`/api/v1/jobs/${id}`)).json()).toMatchObject({ cancelRequested: true });
  });

  it("lists attempts that have ended and the one that runs", async () => {
    const id = await api.make();
    await failJob(api.stack.pool, await api.claim(id), { code: "boom", message: "no" }, 0);
    await api.claim(id);
    expect((await api.inject(`/api/v1/jobs/${id}/attempts`)).json()).toMatchObject({
      attempts: [
        { attempt: 1, outcome: "failed", error: { code: "boom", message: "no" } },
        { attempt: 2, outcome: "active", error: null, finishedAt: null },
      ],
    });
  });
});

describe("artifact", () => {
  it.each([
    ["bytes=0-3", "RIFF", "bytes 0-3/14"],
    ["bytes=5-", "something", "bytes 5-13/14"],
    ["bytes=-5", "thing", "bytes 9-13/14"],
    ["bytes=10-99", "hing", "bytes 10-13/14"],
    ["bytes=-99", "RIFF-something", "bytes 0-13/14"],
  ])("%s", async (range, body, contentRange) => {
    const id = await endedJob(api, true);
    const answer = await api.inject({ url: `/api/v1/jobs/${id}/artifact`, headers: { range } });
    expect([answer.statusCode, answer.body]).toEqual([206, body]);
    expect(answer.headers).toMatchObject({ "content-range": contentRange, "content-length": String(body.length) });
  });

  it.each([["bytes=0-1,3-4"], ["bytes=4-2"], ["lines=1-2"], ["bytes=-"]])(
    "%s is answered with all of it",
    async (range) => {
      const id = await endedJob(api, true);
      const answer = await api.inject({ url: `/api/v1/jobs/${id}/artifact`, headers: { range } });
      expect([answer.statusCode, answer.body]).toEqual([200, "RIFF-something"]);
    },
  );

  it("resumes only what is the same, says what the client has, and names the file", async () => {
    const id = await endedJob(api, true);
    const url = `/api/v1/jobs/${id}/artifact`;
    const { headers } = await api.inject({ method: "HEAD", url });
    expect(headers).toMatchObject({
      "accept-ranges": "bytes",
      "content-disposition": `attachment; filename="${id}.wav"`,
    });
    const etag = String(headers.etag);
    const part = (ifRange: string) => api.inject({ url, headers: { range: "bytes=0-0", "if-range": ifRange } });
    expect([(await part(etag)).statusCode, (await part('"other"')).statusCode]).toEqual([206, 200]);
    const same = await api.inject({ url, headers: { "if-none-match": `"x", ${etag}` } });
    expect([same.statusCode, same.body]).toEqual([304, ""]);
    expect((await api.inject({ url, headers: { range: "bytes=14-" } })).headers["content-range"]).toBe("bytes */14");
  });
});

describe("batches", () => {
  it("makes members and aggregate, counts them, and is cancelled", async () => {
    const payload = {
      kind: "sum",
      members: [{ numbers: [1] }, { numbers: [2] }],
      aggregate: { kind: "sum", params: { numbers: [] } },
    };
    const made = await api.inject({ method: "POST", url: "/api/v1/batches", payload });
    expect(made.statusCode).toBe(202);
    const { id, aggregateId } = made.json<{ id: string; aggregateId: string }>();
    expect((await api.inject(`/api/v1/batches/${id}`)).json()).toMatchObject({
      size: 2,
      counts: { queued: 2, succeeded: 0 },
      aggregate: { id: aggregateId, state: "blocked" },
    });
    const cancelled = await api.inject({ method: "POST", url: `/api/v1/batches/${id}/cancel` });
    expect(cancelled.json()).toEqual({ id, cancelled: 2, cancelRequested: 0 });
  });
});

it("lets pages of listed origins ask, and no others", async () => {
  const ask = (origin: string) =>
    api.app.inject({
      method: "OPTIONS",
      url: "/api/v1/jobs",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
    });
  const listed = await ask("https://app.example.org");
  expect([listed.statusCode, listed.headers["access-control-allow-origin"]]).toEqual([204, "https://app.example.org"]);
  expect((await ask("https://evil.example.org")).headers["access-control-allow-origin"]).toBeUndefined();
});

it("brings security headers and tells its limits", async () => {
  const { headers } = await api.inject("/api/v1/jobs");
  expect(headers).toMatchObject({
    "content-security-policy": "default-src 'none';frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "ratelimit-policy": '"tenant";q=2000;w=2',
    ratelimit: expect.stringMatching(/^"tenant";r=\d+$/) as string,
  });
});

it("counts requests by route and status, problems by name, jobs by queue", async () => {
  await api.make();
  await api.inject("/api/v1/jobs/1");
  let body = "";
  // Jobs are counted every two seconds at most.
  await until("the job is counted", async () => {
    ({ body } = await api.app.inject("/metrics"));
    return body.includes('slipway_queue_jobs{queue="default",state="queued"}');
  });
  expect(body).toMatch(
    /slipway_http_request_duration_seconds_count\{method="POST",route="\/api\/v1\/jobs",status="202"\} \d/,
  );
  expect(body).toMatch(/slipway_http_problems_total\{problem="job-not-found"\} \d/);
  for (const name of ["slipway_outbox_rows", "slipway_job_inserts_waiting", "slipway_process_cpu_seconds_total"]) {
    expect(body).toContain(`\n${name} `);
  }
});
