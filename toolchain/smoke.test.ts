import { afterEach, expect, test } from "vitest";
import { ANSWERS, startAnswers, type Answers, type SimulatedStack } from "../test/servers/answers.ts";
import { Edge } from "./edge.ts";
import { smoke } from "./smoke.ts";

let server: SimulatedStack | undefined;
afterEach(() => server?.end());

async function stack(answers: Answers): Promise<Edge> {
  server = await startAnswers(answers, (token) => token === "known");
  return new Edge(server.url, "known");
}

test("a healthy stack passes on every route", async () => {
  const seen: string[] = [];
  const results = await smoke(await stack(ANSWERS), ({ route }) => seen.push(route));
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
  expect(seen).toHaveLength(14);
});

test.each([
  ["GET /api/v1/health", { "GET /api/v1/health": [200, "application/json", '{"status":"unhealthy"}'] }],
  ["GET /health/ready", { "GET /health/ready": [503, "application/problem+json", '{"detail":"redis: away"}'] }],
  ["GET /docs", { "GET /docs": [200, "text/plain", "docs"] }],
  [
    "POST /api/v1/jobs",
    { "GET /api/v1/jobs/5": [200, "application/json", '{"id":"5","state":"succeeded","result":{"sum":7}}'] },
  ],
  ["POST /api/v1/jobs, no token", { "POST /api/v1/jobs, no token": [202, "application/json", "{}"] }],
  ["GET /api/v1/jobs/:id/artifact", { "GET /api/v1/jobs/5/artifact": [200, "audio/wav", "no sound"] }],
  ["GET /api/v1/jobs", { "GET /api/v1/jobs?limit=1": [500, "application/problem+json", "{}"] }],
  ["GET /api/v1/queues", { "GET /api/v1/queues": [200, "application/json", '{"queues":{}}'] }],
  ["POST /api/v1/batches", { "GET /api/v1/batches/7": [404, "application/problem+json", "{}"] }],
  ["GET /api/v1/jobs/:id, unknown", { "GET /api/v1/jobs/1": [200, "application/json", "{}"] }],
] as const)("%s that answers wrongly fails alone", async (route, wrong) => {
  const results = await smoke(await stack({ ...ANSWERS, ...wrong }), () => undefined);
  expect(results.filter(({ ok }) => !ok).map((result) => result.route)).toEqual([route]);
});

test("says what stands in the answer, and where nothing answers how to bring it up", async () => {
  const results = await smoke(
    await stack({ ...ANSWERS, "GET /health/ready": [503, "text/plain", "redis: away"] }),
    () => undefined,
  );
  expect(results.find(({ ok }) => !ok)?.detail).toBe("GET /health/ready: status 503, expected 200: redis: away");
  await expect(new Edge("http://127.0.0.1:9").readJob("5")).rejects.toThrow(/no answer.*make up/);
});
