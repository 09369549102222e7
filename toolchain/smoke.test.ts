import { createServer, type Server } from "node:http";
import { afterEach, expect, test } from "vitest";
import { writeWav } from "../jobs/wav.ts";
import { Edge } from "./edge.ts";
import { smoke } from "./smoke.ts";

let server: Server | undefined;
afterEach(async () => {
  await new Promise((resolve) => server?.close(resolve));
});

const wave = Int16Array.from({ length: 8000 }, (_, at) => (at % 2) * 9000);
const sound = writeWav({ sampleRate: 8000, channels: 1, samples: Buffer.from(wave.buffer) });

/** What a healthy stack answers. */
const ANSWERS: Readonly<Record<string, readonly [status: number, type: string, body: string | Uint8Array]>> = {
  "GET /": [200, "application/json", '{"name":"slipway","version":"1.2.3","links":{"docs":"/docs"}}'],
  "GET /api/v1/health": [200, "application/json", '{"status":"healthy"}'],
  "GET /health/live": [200, "application/json", '{"status":"live"}'],
  "GET /health/ready": [200, "application/json", '{"status":"ready"}'],
  "GET /docs": [200, "text/html; charset=utf-8", "<html>"],
  "POST /api/v1/jobs, no token": [401, "application/problem+json", "{}"],
  "POST /api/v1/jobs": [202, "application/json", '{"id":"5","state":"queued"}'],
  "GET /api/v1/jobs/5": [200, "application/json", '{"id":"5","state":"succeeded","result":{"sum":6.5}}'],
  "GET /api/v1/jobs/5/artifact": [200, "audio/wav", sound],
  "GET /api/v1/jobs/1": [404, "application/problem+json", "{}"],
  "GET /api/v1/jobs?limit=1": [200, "application/json", '{"jobs":[{}],"next":null}'],
  "GET /api/v1/jobs/5/attempts": [200, "application/json", '{"attempts":[{}]}'],
  "POST /api/v1/batches": [202, "application/json", '{"id":"7","size":1}'],
  "GET /api/v1/batches/7": [200, "application/json", '{"id":"7","size":1}'],
  "GET /api/v1/queues": [200, "application/json", '{"queues":[]}'],
  "GET /api/v1/schedules": [200, "application/json", '{"schedules":[],"next":null}'],
};

async function stack(answers: typeof ANSWERS): Promise<Edge> {
  const listening = createServer((request, response) => {
    const route = `${request.method ?? ""} ${request.url ?? ""}${request.headers.authorization === "Bearer known" ? "" : ", no token"}`;
    const isPublic = !(request.url ?? "").startsWith("/api/v1/jobs");
    const [status, type, body] = answers[isPublic ? route.replace(", no token", "") : route] ?? [
      404,
      "text/plain",
      "no such route",
    ];
    response.writeHead(status, { "content-type": type, connection: "close" }).end(body);
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const address = listening.address();
  return new Edge(`http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`, "known");
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
