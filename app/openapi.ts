import type { SwaggerTransform } from "@fastify/swagger";
import { createJsonSchemaTransform } from "fastify-type-provider-zod";
import { ROUTES, type RouteRow } from "./routes/table.ts";

/** How a request proves who makes it; docs/api.md has examples. */
export const SECURITY_SCHEMES = {
  token: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "HS256 or EdDSA; claims iss, aud, exp and tenant, and scope (`read`, `write`) if it is not for both",
  },
  key: header("x-slipway-key", "Id of the key that the request is signed with"),
  timestamp: header("x-slipway-timestamp", "Seconds since 1970, within 300 s of now"),
  nonce: header("x-slipway-nonce", "16 to 64 letters, digits, _ and -; never the same twice"),
  signature: header(
    "x-slipway-signature",
    "HMAC-SHA256 in hex over method, path with query, timestamp, nonce and the SHA-256 of the body in hex, a line each",
  ),
} as const;

function header(name: string, description: string) {
  return { type: "apiKey", in: "header", name, description } as const;
}

const GUARDED = [{ token: [] }, { key: [], timestamp: [], nonce: [], signature: [] }];

const text = (description: string) => ({ type: "string", description });

/** Headers of every answer. */
const ALWAYS = {
  "x-request-id": text("The request, as the log knows it; taken over from the request if it sends one"),
};

/** Headers of answers to requests with credentials. */
const LIMITED = {
  "ratelimit-policy": text("The limit of the tenant: q requests in w seconds"),
  ratelimit: text("r: requests that are left; t: seconds until there are more"),
};

const RETRY_AFTER = { "retry-after": text("Seconds after which it may work") };
const RANGES = {
  etag: text("SHA-256 of the content"),
  "accept-ranges": text("bytes"),
  "content-disposition": text("Name of the file"),
};

/** Headers of some statuses. */
const BY_STATUS: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  "202": { location: text("Address of what was made"), "idempotency-replayed": text("true when it was made before") },
  "206": { ...RANGES, "content-range": text("The part, and the length of the whole") },
  "401": { "www-authenticate": text("Bearer") },
  "405": { allow: text("Methods that the address takes") },
  "416": { "content-range": text("The length of the whole") },
  "429": RETRY_AFTER,
  "503": RETRY_AFTER,
};

const rows = new Map<string, RouteRow>(ROUTES.map((row) => [`${row.method} ${row.path}`, row]));
const ofZod = createJsonSchemaTransform({ skipList: [] });

/** What the table of routes knows beside the schemas: credentials, and the headers of answers. */
export const describeRoute: SwaggerTransform = (input) => {
  const { schema, url } = ofZod(input);
  const row = rows.get(`${[input.route.method].flat()[0] ?? ""} ${input.url}`);
  if (schema.hide === true || !row) return { schema, url };
  const guarded = row.access !== "public";
  const answers = Object.entries((schema.response ?? {}) as Record<string, object>).map(([status, answer]) => {
    const headers = { ...ALWAYS, ...(guarded ? LIMITED : {}), ...BY_STATUS[status] };
    return [status, { ...answer, headers }];
  });
  return {
    schema: { ...schema, security: guarded ? GUARDED : [], tags: [tagOf(row)], response: Object.fromEntries(answers) },
    url,
  };
};

/** Chapters of the docs page, in their order. */
export const TAGS = [
  { name: "Jobs", description: "One piece of work: made, watched, cancelled, tried again, and what it made." },
  { name: "Batches", description: "Many jobs of one kind, and one result of them all." },
  { name: "Schedules", description: "Jobs that are made by the clock." },
  { name: "Queues", description: "What waits and what runs." },
  { name: "Service", description: "Whether the API works. Needs no credentials." },
];

function tagOf({ path }: RouteRow): string {
  const tag = TAGS.find(({ name }) => path.startsWith(`/api/v1/${name.toLowerCase()}`));
  return tag?.name ?? "Service";
}

/** For JSON.stringify: a body that may be null need not be sent. The package calls every body required. */
export function withOptionalBodies(key: string, value: unknown): unknown {
  if (key !== "requestBody" || typeof value !== "object" || value === null) return value;
  return JSON.stringify(value).includes('{"type":"null"}') ? { ...value, required: false } : value;
}
