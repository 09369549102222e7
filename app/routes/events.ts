import type { Readable } from "node:stream";
import { z } from "zod";
import { readSnapshots } from "../../jobs/reads.ts";
import type { App, AppDeps } from "../parts.ts";
import { BEGINNING, hasSeenEnd, readPlace, type EventPlace } from "../events/derive.ts";
import type { Streams } from "../events/streams.ts";
import { credentialOf } from "../plugins/access.ts";
import { RequestProblem } from "../problems.ts";
import { problems } from "../schemas/answers.ts";
import { jobParams } from "../schemas/job.ts";
import { noQuery } from "../schemas/service.ts";
import { jobNotFound } from "./jobs.ts";

const eventStream = z.custom<Readable>().meta({ type: "string" });

const schema = {
  operationId: "watchJob",
  summary: "Watch a job",
  description:
    "Server-sent events: `made`, `started`, `attempt-ended`, `progress`, `finished`. The stream ends with the job. It resumes " +
    "behind `Last-Event-ID`; 204 tells a client that has seen the end not to come back.",
  params: jobParams,
  querystring: noQuery,
  headers: z.object({ "last-event-id": z.string().optional().describe("`id` of the last event that was seen") }),
  response: {
    200: { description: "Events", content: { "text/event-stream": { schema: eventStream } } },
    204: z.null().describe("The job has ended and the client has seen that"),
    ...problems("job-not-found", "too-many-streams"),
  },
};

/** `GET /api/v1/jobs/:id/events`. Without HEAD: there is no end to measure. */
export function registerEvents(app: App, deps: AppDeps, streams: Streams): void {
  app.get("/api/v1/jobs/:id/events", { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { tenant, expiresAt } = credentialOf(request);
    const { id } = request.params;
    const after = lastSeen(request.headers["last-event-id"]);
    const [job] = await readSnapshots(deps.pool, [{ id, tenant, fromAttempt: Math.max(0, after.attempt) }]);
    if (!job) throw jobNotFound(id);
    if (hasSeenEnd(job, after)) return reply.code(204).send(null);
    const stream = streams.open({ tenant, job, after, expiresAt });
    reply.headers({ "cache-control": "no-store", "x-accel-buffering": "no" });
    return reply.type("text/event-stream").send(stream);
  });
}

function lastSeen(header: string | undefined): EventPlace {
  if (header === undefined || header === "") return BEGINNING;
  const place = readPlace(header);
  if (place) return place;
  throw new RequestProblem("invalid-request", "last-event-id: must be the id of an event of this job, such as 1.2");
}
