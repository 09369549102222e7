import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { failJob, succeedJob } from "../jobs/attempts.ts";
import { startTestApi, SUM, type TestApi } from "../test/servers/api.ts";
import { until } from "../test/servers/programs.ts";
import { ROUTES } from "./routes/table.ts";
import { VERSION } from "./version.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.stack.reset();
  Object.assign(api.state, { failing: [], draining: false });
});

describe("POST /api/v1/jobs", () => {
  it("answers 202 with the address of a job that is committed", async () => {
    const before = api.state.queued;
    const answer = await api.post({ ...SUM, priority: 5, delaySeconds: 1.5 });
    expect(answer.statusCode).toBe(202);
    const body = answer.json<{ id: string }>();
    expect(body).toMatchObject({ kind: "sum", queue: "default", state: "queued" });
    expect(body.id).toMatch(/^\d{15,19}$/);
    expect(answer.headers.location).toBe(`/api/v1/jobs/${body.id}`);
    expect(api.state.queued).toBe(before + 1);
    const { rows } = await api.stack.pool.query(
      "SELECT j.id, o.job_id, j.priority, extract(epoch FROM j.run_at - j.created_at)::float AS delay FROM jobs j, outbox o",
    );
    expect(rows).toEqual([{ id: body.id, job_id: body.id, priority: 5, delay: 1.5 }]);
  });

  it("sends a job to the queue that the request names, else to the kind's own", async () => {
    expect((await api.post({ ...SUM, queue: "maintenance" })).json()).toMatchObject({ queue: "maintenance" });
    expect((await api.post({ kind: "speech", params: { text: "hello" } })).json()).toMatchObject({ queue: "cpu" });
  });
});

describe("GET /api/v1/jobs/:id", () => {
  it("shows a job from its making to its end", async () => {
    const id = await api.make();
    const read = async () => (await api.inject(`/api/v1/jobs/${id}`)).json<Record<string, unknown>>();
    expect(await read()).toMatchObject({
      id,
      state: "queued",
      attempt: 0,
      result: null,
      error: null,
      artifact: null,
      startedAt: null,
    });
    const first = await api.claim(id);
    expect(await read()).toMatchObject({ state: "active", attempt: 1 });
    await failJob(api.stack.pool, first, { code: "boom", message: "no" }, 0);
    expect(await read()).toMatchObject({ state: "retrying", error: { code: "boom", message: "no" } });
    await succeedJob(api.stack.pool, await api.claim(id), { sum: 3 }, undefined);
    expect(await read()).toMatchObject({
      state: "succeeded",
      attempt: 2,
      result: { sum: 3 },
      error: null,
      params: SUM.params,
    });
  });
});

describe("GET /api/v1/jobs/:id/artifact", () => {
  it("streams what the job made, with its length", async () => {
    const id = await api.make();
    const content = Buffer.from("RIFF-something");
    const stored = await api.foundation.objects.put("artifacts/x.wav", content);
    await succeedJob(
      api.stack.pool,
      await api.claim(id),
      {},
      { key: "artifacts/x.wav", mediaType: "audio/wav", ...stored },
    );
    const answer = await api.inject(`/api/v1/jobs/${id}/artifact`);
    expect(answer.rawPayload).toEqual(content);
    expect(answer.headers).toMatchObject({
      "content-type": "audio/wav",
      "content-length": "14",
      etag: `"${stored.sha256}"`,
    });
    const head = await api.inject({ method: "HEAD", url: `/api/v1/jobs/${id}/artifact` });
    expect(head.headers).toMatchObject({ "content-type": "audio/wav", "content-length": "14" });
    expect(head.rawPayload).toHaveLength(0);
  });

  it("says 409 before the end and 404 after an end without artifact", async () => {
    const id = await api.make();
    expect((await api.inject(`/api/v1/jobs/${id}/artifact`)).json()).toMatchObject({
      status: 409,
      type: "urn:slipway:problem:not-finished",
    });
    await succeedJob(api.stack.pool, await api.claim(id), {}, undefined);
    expect((await api.inject(`/api/v1/jobs/${id}/artifact`)).json()).toMatchObject({
      status: 404,
      type: "urn:slipway:problem:no-artifact",
    });
  });
});

describe("health", () => {
  it("lists where to begin", async () => {
    expect((await api.inject("/")).json()).toMatchObject({
      name: "slipway",
      version: VERSION,
      links: { docs: "/docs" },
    });
  });

  it("is ready, or says everything that is not", async () => {
    expect((await api.inject("/health/ready")).json()).toEqual({ status: "ready" });
    api.state.failing = [{ dependency: "redis", reason: "maxmemory-policy is allkeys-lru" }];
    const answer = await api.inject("/health/ready");
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({
      type: "urn:slipway:problem:not-ready",
      detail: "redis: maxmemory-policy is allkeys-lru",
      dependencies: api.state.failing,
    });
    expect((await api.inject("/api/v1/health")).json()).toEqual({
      status: "unhealthy",
      version: VERSION,
      dependencies: { database: "ok", redis: "maxmemory-policy is allkeys-lru" },
      warnings: [],
    });
    expect((await api.inject("/health/live")).json()).toEqual({ status: "live" });
  });

  it("warns of jobs that nobody comes for, and is healthy all the same", async () => {
    await api.make();
    const health = async () => (await api.inject("/api/v1/health")).json<{ status: string; warnings: string[] }>();
    expect(await health()).toMatchObject({ status: "healthy", warnings: [] });
    await api.stack.pool.query("UPDATE jobs SET run_at = now() - interval '700 s'");
    await until("it is told", async () => (await health()).warnings.length > 0);
    expect(await health()).toMatchObject({ status: "healthy" });
    expect((await health()).warnings[0]).toMatch(/^queue default: work waits since 70\d s, and no worker serves it/);
    const metrics = async () => (await api.inject("/metrics")).body;
    await until("it is counted", async () =>
      /^slipway_queue_unserved_seconds\{queue="default"\} 70\d/m.test(await metrics()),
    );
    await api.stack.pool.query(
      "INSERT INTO workers (name, queues, lease_until) VALUES ('one', '{default}', now() + interval '60 s')",
    );
    await until("a worker came", async () => !/^slipway_queue_unserved_seconds\{/m.test(await metrics()));
    expect((await health()).warnings).toEqual([]);
  });

  it("turns readiness off first and closes connections while it drains, and still serves", async () => {
    api.state.draining = true;
    expect((await api.inject("/health/ready")).statusCode).toBe(503);
    const answer = await api.post(SUM);
    expect(answer.statusCode).toBe(202);
    expect(answer.headers.connection).toBe("close");
  });
});

describe("docs", () => {
  it("serves a page whose every part is our own", async () => {
    const page = await api.inject("/docs");
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(page.body.match(/(?:src|href)="([^"]*)"/g)).toEqual(['src="/docs/scalar.js"']);
    const script = await api.inject({ url: "/docs/scalar.js", headers: { "accept-encoding": "identity" } });
    expect(script.headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(script.body).toContain("createApiReference");
  });

  it("describes every route", async () => {
    const document = (await api.inject("/docs/openapi.json")).json<{ paths: Record<string, object> }>();
    const listed = ROUTES.map(({ path }) => path.replace(/:(\w+)/g, "{$1}"));
    const hidden = ["/docs", "/docs/openapi.json", "/docs/scalar.js", "/metrics"];
    expect(Object.keys(document.paths).sort()).toEqual([...new Set(listed)].filter((p) => !hidden.includes(p)).sort());
    expect(JSON.stringify(document.paths["/api/v1/jobs"])).toContain('"additionalProperties":false');
  });
});

it("logs one line a request, with its id and without its query", async () => {
  await api.inject({ url: "/?token=canary", headers: { "x-request-id": "request-0002" } });
  await until("the line is there", () => api.lines.some((line) => line["requestId"] === "request-0002"));
  const line = api.lines.find((one) => one["requestId"] === "request-0002");
  expect(line).toMatchObject({ msg: "request", method: "GET", path: "/", status: 400 });
  expect(JSON.stringify(line)).not.toContain("canary");
});

it("answers the same in prod, where answers are not checked and there are no docs", async () => {
  const prod = await startTestApi({ APP_ENV: "prod" });
  const id = await prod.make();
  const [page, job] = [await prod.inject("/api/v1/jobs"), await prod.inject(`/api/v1/jobs/${id}`)];
  expect(page.json()).toMatchObject({ jobs: [{ id }], nextCursor: null });
  expect(page.headers["content-type"]).toBe("application/json; charset=utf-8");
  expect(job.json()).toMatchObject({ id, params: SUM.params, state: "queued", artifact: null });
  expect((await prod.inject("/docs")).statusCode).toBe(404);
  await prod.close();
});

it("has the version of package.json", async () => {
  const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  expect(VERSION).toBe(manifest.version);
});
