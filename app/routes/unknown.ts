import type { FastifyReply, FastifyRequest } from "fastify";
import type { App } from "../parts.ts";
import { RequestProblem } from "../problems.ts";
import { pathOf } from "../requests/path.ts";

/** Answers addresses that there are none of, and methods that an address does not take. */
export function registerUnknown(app: App): void {
  const routes: { readonly method: string; readonly pattern: RegExp }[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    const pattern = new RegExp(`^${url.replaceAll(".", "\\.").replace(/:[^/]+/g, "[^/]+")}$`);
    for (const one of [method].flat()) routes.push({ method: one, pattern });
  });
  const refuse = (request: FastifyRequest, reply: FastifyReply): never => {
    const path = pathOf(request.url);
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (allowed.length === 0)
      throw new RequestProblem("not-found", "there is no such address; GET / lists where to begin");
    const list = allowed.sort().join(", ");
    reply.header("allow", list);
    throw new RequestProblem("method-not-allowed", `${request.method} is not taken here; allowed: ${list}`);
  };
  // Before Fastify looks at the body: of a method like QUERY it has demands of its own.
  app.addHook("onRequest", async (request, reply) => {
    if (request.is404) refuse(request, reply);
  });
  app.setNotFoundHandler(refuse);
}
