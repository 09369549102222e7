import { z } from "zod";
import { messageOf } from "../configs/message.ts";
import type { Edge } from "./edge.ts";
import { readWavFacts } from "./wav.ts";

/** How one route answered. */
export interface RouteResult {
  readonly route: string;
  readonly ok: boolean;
  readonly milliseconds: number;
  /** What it said, or what is wrong with it. */
  readonly detail: string;
}

interface Check {
  readonly route: string;
  /** @returns what it said, for people; @throws Error when it is not what it must be */
  readonly ask: (edge: Edge) => Promise<string>;
}

const root = z.object({ name: z.literal("slipway"), version: z.string(), links: z.record(z.string(), z.string()) });
const health = z.object({ status: z.literal("healthy") });
const live = z.object({ status: z.literal("live") });
const ready = z.object({ status: z.literal("ready") });
const accepted = z.object({ id: z.string() });

const JOB_SECONDS = 60;

/** What clients ask for, and how it must be answered: all routes that read, and those that make a job or a batch. */
const CHECKS: readonly Check[] = [
  { route: "GET /", ask: async (edge) => `version ${(await json(edge, "/", root)).version}` },
  { route: "GET /api/v1/health", ask: async (edge) => (await json(edge, "/api/v1/health", health)).status },
  { route: "GET /health/live", ask: async (edge) => (await json(edge, "/health/live", live)).status },
  { route: "GET /health/ready", ask: async (edge) => (await json(edge, "/health/ready", ready)).status },
  { route: "GET /docs", ask: docs },
  { route: "POST /api/v1/jobs, no token", ask: noToken },
  { route: "POST /api/v1/jobs", ask: sum },
  { route: "GET /api/v1/jobs/:id/artifact", ask: speech },
  { route: "GET /api/v1/jobs/:id, unknown", ask: unknownJob },
  { route: "GET /api/v1/jobs", ask: (edge) => counted(edge, "/api/v1/jobs?limit=1", "jobs") },
  { route: "GET /api/v1/jobs/:id/attempts", ask: attempts },
  { route: "POST /api/v1/batches", ask: batch },
  { route: "GET /api/v1/queues", ask: (edge) => counted(edge, "/api/v1/queues", "queues") },
  { route: "GET /api/v1/schedules", ask: (edge) => counted(edge, "/api/v1/schedules", "schedules") },
];

/** Asks every route, one after the other; a fault in one does not keep the others from being asked. */
export async function smoke(edge: Edge, seen: (result: RouteResult) => void): Promise<readonly RouteResult[]> {
  const results: RouteResult[] = [];
  for (const { route, ask } of CHECKS) {
    const since = performance.now();
    const outcome = await ask(edge).then(
      (detail) => ({ ok: true, detail }),
      (error: unknown) => ({ ok: false, detail: messageOf(error) }),
    );
    const result = { route, ...outcome, milliseconds: Math.round((performance.now() - since) * 10) / 10 };
    results.push(result);
    seen(result);
  }
  return results;
}

async function json<T>(edge: Edge, path: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(await (await edge.request("GET", path, 200)).json());
}

/** Docs are there where debug is on, and linked from the root; elsewhere their absence is right. */
async function docs(edge: Edge): Promise<string> {
  const { links } = await json(edge, "/", root);
  if (links["docs"] === undefined) {
    await edge.request("GET", "/docs", 404);
    return "off in this environment";
  }
  const type = (await edge.request("GET", links["docs"], 200)).headers.get("content-type") ?? "";
  if (!type.startsWith("text/html")) throw new Error(`content-type is ${type}, must be text/html`);
  return type;
}

async function noToken(edge: Edge): Promise<string> {
  const response = await edge.withoutToken().request("POST", "/api/v1/jobs", 401, { kind: "sum", params: {} });
  return response.headers.get("www-authenticate") ?? "";
}

async function sum(edge: Edge): Promise<string> {
  const { id } = await edge.createJob("sum", { numbers: [1, 2, 3.5] });
  const { result } = await edge.finished(id, JOB_SECONDS);
  const text = JSON.stringify(result);
  if (!/\b6\.5\b/.test(text)) throw new Error(`1 + 2 + 3.5 gave ${text}, must be 6.5`);
  return `job ${id}: ${text}`;
}

async function speech(edge: Edge): Promise<string> {
  const { id } = await edge.createJob("speech", { text: "All is well." });
  await edge.finished(id, JOB_SECONDS);
  const { durationSeconds, peakDbfs } = readWavFacts(await edge.readArtifact(id));
  if (!(durationSeconds > 0.2 && peakDbfs > -40))
    throw new Error(`${durationSeconds} s at ${peakDbfs} dBFS is no speech`);
  return `job ${id}: ${durationSeconds.toFixed(2)} s, peak ${peakDbfs.toFixed(1)} dBFS`;
}

/** A list under its name. */
async function counted(edge: Edge, path: string, name: string): Promise<string> {
  const { [name]: list = [] } = await json(edge, path, z.looseObject({ [name]: z.array(z.unknown()) }));
  return `${name}: ${(list as readonly unknown[]).length}`;
}

async function attempts(edge: Edge): Promise<string> {
  const { id } = await edge.createJob("sum", { numbers: [1] });
  await edge.finished(id, JOB_SECONDS);
  return counted(edge, `/api/v1/jobs/${id}/attempts`, "attempts");
}

async function batch(edge: Edge): Promise<string> {
  const made = await edge.request("POST", "/api/v1/batches", 202, { kind: "sum", members: [{ numbers: [1] }] });
  const { id } = accepted.parse(await made.json());
  const { size } = await json(edge, `/api/v1/batches/${id}`, z.object({ size: z.int() }));
  return `batch ${id}: ${size} job`;
}

async function unknownJob(edge: Edge): Promise<string> {
  const response = await edge.request("GET", "/api/v1/jobs/1", 404);
  return response.headers.get("content-type") ?? "";
}
