import { z } from "zod";

/** No parameters in the address: a misspelt one is not passed over. */
export const noQuery = z.strictObject({});

/** For routes that take no body: none, or an empty object. */
export const noBody = z.strictObject({}).nullish();

export const liveView = z.object({ status: z.literal("live") });
export const readyView = z.object({ status: z.literal("ready") });

export const rootView = z.object({ name: z.string(), version: z.string(), links: z.record(z.string(), z.string()) });

export const healthView = z.object({
  status: z.enum(["healthy", "unhealthy"]),
  version: z.string(),
  dependencies: z.record(z.string(), z.string()).describe("`ok`, or what is wrong"),
  warnings: z.array(z.string()).describe("What people should look at; the API serves all the same"),
});

/** Text of Prometheus. */
export const metricsText = z.string();

/** One queue, as its tenant sees it. */
const queueView = z.object({
  name: z.string(),
  queued: z.int().describe("Jobs that wait for their first attempt"),
  retrying: z.int().describe("Jobs that wait for their next attempt"),
  active: z.int().describe("Jobs that run"),
  oldestDueSeconds: z.number().describe("How long the oldest job waits that may run; 0 where none does"),
});

export const queuesView = z.object({
  queues: z.array(queueView).describe("Every queue, with the jobs of this tenant"),
  countedAt: z.iso.datetime().describe("The count is a few seconds old at most, more where there are millions of jobs"),
});
