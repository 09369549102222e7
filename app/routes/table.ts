/** Who may use a route: everybody, or whoever has the scope. */
export type Access = "public" | "read" | "write";

/** What a route answers with, for requests that say what they take. */
export type Produces = "json" | "events" | "any";

export interface RouteRow {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly access: Access;
  /** @default "json" */
  readonly produces?: Produces;
}

/**
 * Every route. One that is missing here cannot be registered, so that nobody forgets to say who may use it; tests make their
 * cases of it.
 */
export const ROUTES = [
  { method: "GET", path: "/", access: "public", produces: "any" },
  { method: "GET", path: "/api/v1/health", access: "public", produces: "any" },
  { method: "GET", path: "/health/live", access: "public", produces: "any" },
  { method: "GET", path: "/health/ready", access: "public", produces: "any" },
  { method: "GET", path: "/metrics", access: "public", produces: "any" },
  { method: "GET", path: "/docs", access: "public", produces: "any" },
  { method: "GET", path: "/docs/openapi.json", access: "public", produces: "any" },
  { method: "GET", path: "/docs/scalar.js", access: "public", produces: "any" },
  { method: "POST", path: "/api/v1/jobs", access: "write" },
  { method: "GET", path: "/api/v1/jobs", access: "read" },
  { method: "GET", path: "/api/v1/jobs/:id", access: "read" },
  { method: "POST", path: "/api/v1/jobs/:id/cancel", access: "write" },
  { method: "POST", path: "/api/v1/jobs/:id/retry", access: "write" },
  { method: "GET", path: "/api/v1/jobs/:id/attempts", access: "read" },
  { method: "GET", path: "/api/v1/jobs/:id/events", access: "read", produces: "events" },
  { method: "GET", path: "/api/v1/jobs/:id/artifact", access: "read", produces: "any" },
  { method: "POST", path: "/api/v1/batches", access: "write" },
  { method: "GET", path: "/api/v1/batches/:id", access: "read" },
  { method: "POST", path: "/api/v1/batches/:id/cancel", access: "write" },
  { method: "GET", path: "/api/v1/queues", access: "read" },
  { method: "GET", path: "/api/v1/schedules", access: "read" },
  { method: "GET", path: "/api/v1/schedules/:name", access: "read" },
  { method: "PUT", path: "/api/v1/schedules/:name", access: "write" },
  { method: "DELETE", path: "/api/v1/schedules/:name", access: "write" },
  { method: "POST", path: "/api/v1/schedules/:name/pause", access: "write" },
  { method: "POST", path: "/api/v1/schedules/:name/resume", access: "write" },
] as const satisfies readonly RouteRow[];
