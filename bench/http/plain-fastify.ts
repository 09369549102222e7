/**
 * Fastify as its documentation shows it: the same route and the same schema, nothing beside. With CHECK=token it verifies an
 * HS256 token a request too, as lean as can be.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { fastify } from "fastify";
import { z } from "zod";
import { acceptedJob, newJob } from "../../app/schemas/job.ts";
import { TEST_KEYS } from "../../test/servers/credentials.ts";

const { PORT = "0", CHECK } = process.env;
const secret = Buffer.from(TEST_KEYS["jwt-keys"][0].secret, "base64url");
let last = Date.now() * 4096;
const app = fastify();
const schema = { body: jsonSchema(newJob), response: { 202: jsonSchema(acceptedJob) } };

function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { target: "draft-7", io: "input" }), $schema: undefined };
}

function tenantOf(authorization = ""): unknown {
  const [head = "", payload = "", signature = ""] = authorization.slice("Bearer ".length).split(".");
  const expected = createHmac("sha256", secret).update(`${head}.${payload}`).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, "base64url"))) throw new Error("wrong token");
  const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
  if (!(claims instanceof Object && "exp" in claims && Number(claims.exp) > Date.now() / 1000))
    throw new Error("old token");
  return "tenant" in claims && claims.tenant;
}

interface Body {
  readonly kind: string;
  readonly queue?: string;
}

app.post<{ Body: Body }>("/api/v1/jobs", { schema }, async (request, reply) => {
  if (CHECK === "token") tenantOf(request.headers.authorization);
  last += 1;
  const id = String(last);
  const self = `/api/v1/jobs/${id}`;
  reply.code(202).header("location", self);
  const { kind, queue = "default" } = request.body;
  const links = { self, attempts: `${self}/attempts`, events: `${self}/events`, artifact: `${self}/artifact` };
  return { id, kind, queue, state: "queued", createdAt: new Date().toISOString(), links };
});
app.get("/health/ready", async () => ({ status: "ready" }));
await app.listen({ host: "127.0.0.1", port: Number(PORT) });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void app.close());
