import type { FastifyReply, FastifyRequest } from "fastify";
import type { Coalescer } from "../../jobs/coalesce.ts";
import type { Credential } from "../auth/credential.ts";
import type { Keys } from "../auth/key-ring.ts";
import type { Nonce } from "../auth/nonces.ts";
import { checkSigned, keyOf, readSigned, takeNonce, type Signed } from "../auth/signatures.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { App } from "../parts.ts";
import { RequestProblem } from "../problems.ts";
import { ROUTES, type Access, type Produces, type RouteRow } from "../routes/table.ts";
import { requestsFor, type BodyRoom } from "./body-room.ts";
import type { RateLimiter, Verdict } from "./rate-limit.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** From the table of routes. */
    access?: Access;
    produces?: Produces;
  }
  interface FastifyRequest {
    /** Who asks, once that is proved; see {@link credentialOf}. */
    credential: Credential | null;
    /** Headers of a signed request whose signature has not been checked yet. */
    signed: Signed | null;
  }
}

/** What lets requests in. */
export interface Gate {
  readonly tokens: Tokens;
  readonly keyRing: { current(): Keys };
  readonly nonces: Pick<Coalescer<Nonce, boolean>, "add">;
  readonly limiter: RateLimiter;
  readonly room: BodyRoom;
  /** Requests that one with a large body counts as, at most. */
  readonly maxUnits: number;
  /** The limit, as the header RateLimit-Policy has it; `undefined` is without. */
  readonly policy: string | undefined;
}

/** Who asks. Only for routes that are not public. */
export function credentialOf(request: FastifyRequest): Credential {
  if (!request.credential) throw new Error(`${request.routeOptions.url ?? "?"}: nobody was let in`);
  return request.credential;
}

/** Checks the body of a signed request, before anything looks into it. @throws RequestProblem */
export type BodyCheck = (request: FastifyRequest, body: Buffer) => void;

/**
 * Lets in whoever may use a route, by the table of routes: first the type that is asked for, then the credentials, then their
 * scope, then the limit of the tenant. A token is checked before the body is read; a signature needs the body.
 */
export function registerAccess(app: App, gate: Gate): BodyCheck {
  const rows = new Map<string, RouteRow>(ROUTES.map((row) => [`${row.method} ${row.path}`, row]));
  app.decorateRequest("credential", null);
  app.decorateRequest("signed", null);
  app.addHook("onRoute", (route) => {
    const [method] = [route.method].flat();
    if (method === "OPTIONS") return;
    const row = rows.get(`${method === "HEAD" ? "GET" : (method ?? "")} ${route.url}`);
    if (!row) throw new Error(`${method ?? ""} ${route.url}: is missing in app/routes/table.ts; add it there`);
    route.config = { ...route.config, access: row.access, produces: row.produces ?? "json" };
  });
  app.addHook("onRequest", (request, reply, done) => {
    const { access, produces } = request.routeOptions.config;
    if (access === undefined || access === "public") {
      done();
      return;
    }
    if (!takes(request.headers.accept, produces)) throw notAcceptable(produces);
    const entered = enter(gate, access, request, reply);
    if (entered)
      entered.then(() => {
        done();
      }, done);
    else done();
  });
  app.addHook("preValidation", (request, reply, done) => {
    const { signed } = request;
    if (!signed) {
      done();
      return;
    }
    admitSigned(gate, signed, request, reply).then(() => {
      done();
    }, done);
  });
  return (request, body) => {
    checkSignature(gate, request, body);
  };
}

/** Nothing to wait for where the token is known and the limit far: the usual way. */
function enter(gate: Gate, access: Access, request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined {
  const { authorization } = request.headers;
  const isSigned =
    request.headers["x-slipway-key"] !== undefined || request.headers["x-slipway-signature"] !== undefined;
  if (authorization !== undefined) {
    if (isSigned || hasTwice(request.raw.rawHeaders, "authorization"))
      throw new RequestProblem("token-invalid", "there are two credentials; send one token, or sign the request");
    const token = /^Bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1];
    if (token === undefined)
      throw new RequestProblem("token-invalid", "authorization must be: Bearer, a space, and a token");
    const known = gate.tokens.known(token);
    if (!known) return gate.tokens.verify(token).then((found) => admitToken(gate, access, found, request, reply));
    return admitToken(gate, access, known, request, reply);
  }
  if (isSigned) {
    request.signed = readSigned(request.headers);
    gate.room.take(keyOf(request.signed, gate.keyRing.current()).tenant, request, reply);
    return undefined;
  }
  throw new RequestProblem(
    "credentials-missing",
    "send authorization: Bearer <token>, or sign the request; see docs/api.md",
  );
}

/** Node keeps the first of two, somebody before us may have looked at the other. */
function hasTwice(rawHeaders: readonly string[], name: string): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const header = rawHeaders[at];
    if (header?.length === name.length && header.toLowerCase() === name) count += 1;
  }
  return count > 1;
}

function checkSignature(gate: Gate, request: FastifyRequest, body: Buffer | undefined): void {
  const { signed } = request;
  if (!signed) return;
  const parts = { method: request.method, path: request.url, body };
  request.credential = checkSigned(signed, parts, gate.keyRing.current());
}

/** The limit comes before the nonce: what is refused writes nothing, and may be sent again as it is. */
async function admitSigned(gate: Gate, signed: Signed, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (!request.credential) checkSignature(gate, request, undefined);
  const { access = "write" } = request.routeOptions.config;
  await admitAs(gate, access, credentialOf(request), request, reply);
  await takeNonce(signed, gate.nonces);
}

function admitToken(
  gate: Gate,
  access: Access,
  credential: Credential,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> | undefined {
  gate.room.take(credential.tenant, request, reply);
  return admitAs(gate, access, credential, request, reply);
}

function admitAs(
  gate: Gate,
  access: Access,
  credential: Credential,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> | undefined {
  request.credential = credential;
  if (access !== "public" && !credential.scopes.has(access)) {
    throw new RequestProblem("scope-missing", `this needs the scope ${access}, which the token does not have`);
  }
  const units = requestsFor(request);
  if (units > 1) return admitLarge(gate, credential.tenant, Math.min(units, gate.maxUnits), reply);
  const verdict = gate.limiter.take(credential.tenant);
  if (verdict instanceof Promise) {
    return verdict.then((found) => {
      tell(gate, found, reply);
    });
  }
  tell(gate, verdict, reply);
  return undefined;
}

/** A large body costs more than a small one: work of a tenant is limited, not only the number of its requests. */
async function admitLarge(gate: Gate, tenant: string, units: number, reply: FastifyReply): Promise<void> {
  for (let unit = 0; unit < units; unit += 1) tell(gate, await gate.limiter.take(tenant), reply);
}

function tell(gate: Gate, verdict: Verdict, reply: FastifyReply): void {
  if (gate.policy === undefined) return;
  reply.header("ratelimit-policy", gate.policy);
  if (verdict.allowed) {
    reply.header("ratelimit", `"tenant";r=${verdict.remaining}`);
    return;
  }
  const seconds = Math.max(1, Math.ceil(verdict.retryInMs / 1000));
  reply.header("ratelimit", `"tenant";r=0;t=${seconds}`).header("retry-after", seconds);
  throw new RequestProblem("rate-limited", `too many requests of this tenant; try again in ${seconds} s`);
}

const TAKES: Readonly<Record<Exclude<Produces, "any">, { readonly accept: RegExp; readonly type: string }>> = {
  json: { accept: /(?:\*|application)\/\*|application\/json/i, type: "application/json" },
  events: { accept: /(?:\*|text)\/\*|text\/event-stream/i, type: "text/event-stream" },
};

function takes(accept: string | undefined, produces: Produces = "json"): boolean {
  return produces === "any" || accept === undefined || accept === "*/*" || TAKES[produces].accept.test(accept);
}

function notAcceptable(produces: Produces = "json"): RequestProblem {
  const type = produces === "any" ? "*/*" : TAKES[produces].type;
  return new RequestProblem(
    "not-acceptable",
    `this address answers with ${type}; send it in accept, or leave accept out`,
  );
}
