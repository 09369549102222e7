import { extname } from "node:path";
import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import type { Artifact } from "../../jobs/job.ts";
import type { App, AppDeps } from "../parts.ts";
import { credentialOf } from "../plugins/access.ts";
import { RequestProblem } from "../problems.ts";
import { wantedRange } from "../requests/range.ts";
import { problems } from "../schemas/answers.ts";
import { artifactContent, jobParams } from "../schemas/job.ts";
import { noQuery } from "../schemas/service.ts";
import { existingJob } from "./jobs.ts";

const content = (description: string) => ({ description, content: { "*/*": { schema: artifactContent } } });

const schema = {
  operationId: "readArtifact",
  summary: "Get what a job made",
  description:
    "409 while the job can still make one, 404 when it ended without. Takes `Range` with one part, `If-Range` and " +
    "`If-None-Match`; the ETag is the SHA-256 of the content.",
  params: jobParams,
  querystring: noQuery,
  response: {
    200: content("All of it"),
    206: content("The part that was asked for"),
    304: z.null().describe("It is what the client has"),
    ...problems("job-not-found", "no-artifact", "not-finished", "range-not-satisfiable"),
  },
};

/** `GET` and `HEAD /api/v1/jobs/:id/artifact`. */
export function registerArtifact(app: App, deps: AppDeps): void {
  app.get("/api/v1/jobs/:id/artifact", { schema }, async (request, reply) => {
    const job = await existingJob(deps, credentialOf(request).tenant, request.params.id);
    const { artifact } = job;
    if (job.finishedAt === undefined)
      throw new RequestProblem("not-finished", `job ${job.id} is ${job.state}; try again later`);
    if (!artifact) throw new RequestProblem("no-artifact", `job ${job.id} is ${job.state} and has no artifact`);
    const etag = `"${artifact.sha256}"`;
    if (matches(request.headers["if-none-match"], etag)) {
      describe(reply, job.id, artifact, etag);
      return reply.code(304).send(null);
    }
    if (request.method === "HEAD") {
      describe(reply, job.id, artifact, etag);
      // An empty stream, whose length nobody puts in the place of the true one.
      return reply.type(artifact.mediaType).header("content-length", artifact.bytes).send(Readable.from([]));
    }
    const range = wantedRange(request.headers.range, artifact.bytes, etag, ifRange(request.headers["if-range"]));
    const found = await deps.objects.read(artifact.key, range);
    if (!found) throw new Error(`job ${job.id}: the object ${artifact.key} is missing in the store`);
    // Not before: an error must not be kept for a year.
    describe(reply, job.id, artifact, etag);
    if (range) {
      reply.code(206).header("content-range", `bytes ${range.first}-${range.last}/${artifact.bytes}`);
    }
    reply.type(artifact.mediaType).header("content-length", range ? range.last - range.first + 1 : artifact.bytes);
    return reply.send(found.stream);
  });
}

function describe(reply: FastifyReply, id: string, artifact: Artifact, etag: string): void {
  reply.headers({
    etag,
    "accept-ranges": "bytes",
    "cache-control": "private, max-age=31536000, immutable",
    "content-disposition": `attachment; filename="${id}${extname(artifact.key)}"`,
  });
}

/** Node gives a list for headers that it does not know: of this one only a single value means something. */
function ifRange(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(", ") : header;
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === "*" || header.split(",").some((one) => one.trim().replace(/^W\//, "") === etag);
}
