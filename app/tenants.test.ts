import { fastify, type InjectOptions } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestApi, SUM, type TestApi } from "../test/servers/api.ts";
import { endedJob, sending, type Answer } from "../test/bad-input/case.ts";
import { registerAccess } from "./plugins/access.ts";
import { ROUTES, type RouteRow } from "./routes/table.ts";

/**
 * The matrix of tenants, made from the table of routes: every route with every verb, with what belongs to another tenant and
 * with what belongs to nobody. The two must be told apart by nothing.
 */
const OWNER = "acme";
const STRANGER = "stranger";
const VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

let api: TestApi;
/** What belongs to the owner, by what stands for it in a path; and what nobody has. */
let owned: Record<Kind, string>;
const NOBODYS: Record<Kind, string> = { job: "1234567890123456789", batch: "1234567890123456789", schedule: "nobodys" };
type Kind = "job" | "batch" | "schedule";

beforeAll(async () => {
  api = await startTestApi();
  const batch = await sending("POST", "/api/v1/batches", { kind: "sum", members: [SUM.params] })(api);
  await sending("PUT", "/api/v1/schedules/owners", { ...SUM, everySeconds: 60 })(api);
  const { id } = JSON.parse(batch.body) as { id: string };
  owned = { job: await endedJob(api, true), batch: id, schedule: "owners" };
});
afterAll(() => api.close());

function kindOf(path: string): Kind | undefined {
  if (path.startsWith("/api/v1/jobs/:id")) return "job";
  if (path.startsWith("/api/v1/batches/:id")) return "batch";
  if (path.startsWith("/api/v1/schedules/:name")) return "schedule";
  return undefined;
}

const routes: readonly RouteRow[] = ROUTES;
const guarded = routes.filter(({ access }) => access !== "public");
const paths = [...new Set(guarded.map(({ path }) => path))];

/** An answer without what differs from request to request. */
function essence({ statusCode, headers, body }: Answer, place: string) {
  const changing = ["x-request-id", "date", "ratelimit", "content-length"];
  const rest = Object.fromEntries(Object.entries(headers).filter(([name]) => !changing.includes(name)));
  const same = body.replace(/"urn:slipway:request:[^"]*"/, '""').replaceAll(place, "<place>");
  return { statusCode, headers: rest, body: same };
}

function request(method: (typeof VERBS)[number], path: string, place: string): InjectOptions {
  const url = path.replace(/:\w+/, place);
  const body = path.endsWith(":name") ? { ...SUM, everySeconds: 60 } : undefined;
  return { method, url, ...(body && method === "PUT" ? { payload: body } : {}) };
}

describe("the table of routes", () => {
  it("is covered: every place in a path is one that the matrix knows", () => {
    expect(guarded.length).toBeGreaterThan(15);
    for (const path of paths) expect(path.includes(":"), path).toBe(kindOf(path) !== undefined);
  });

  it("has no row without a route", () => {
    for (const { method, path } of routes) {
      expect(api.app.hasRoute({ method, url: path }), `${method} ${path}`).toBe(true);
    }
  });

  it("refuses a route that is not in it", async () => {
    const other = fastify();
    const refuse = () => {
      throw new Error("nobody asks");
    };
    registerAccess(other.withTypeProvider<ZodTypeProvider>(), {
      tokens: { known: refuse, verify: refuse },
      keyRing: { current: refuse },
      nonces: { add: refuse },
      limiter: { take: refuse },
      room: { take: refuse, taken: refuse },
      maxUnits: 1,
      policy: undefined,
    });
    expect(() => other.get("/api/v1/unlisted", async () => ({}))).toThrow(/missing in app\/routes\/table\.ts/);
    expect(() => other.get("/api/v1/queues", async () => ({}))).not.toThrow();
    await other.close();
  });
});

describe("without credentials", () => {
  it.each(guarded.map(({ method, path }) => [method, path] as const))("%s %s answers 401", async (method, path) => {
    const kind = kindOf(path);
    const answer = await api.app.inject(request(method, path, kind ? owned[kind] : ""));
    expect(answer.statusCode).toBe(401);
    expect(answer.body).not.toContain("acme");
  });
});

const places = paths.flatMap((path) => {
  const kind = kindOf(path);
  return kind === undefined ? [] : VERBS.map((verb) => ({ verb, path, kind }));
});

describe("what belongs to another tenant answers like what belongs to nobody", () => {
  // Puts of a schedule make one of the stranger's own: another test.
  const cases = places.filter(({ verb, path }) => !(verb === "PUT" && path === "/api/v1/schedules/:name"));
  it.each(cases)("$verb $path", async ({ verb, path, kind }) => {
    const foreign = await api.inject(request(verb, path, owned[kind]), STRANGER);
    const none = await api.inject(request(verb, path, NOBODYS[kind]), STRANGER);
    expect(essence(foreign, owned[kind])).toEqual(essence(none, NOBODYS[kind]));
    expect(foreign.statusCode).toBeGreaterThanOrEqual(400);
  });

  it("resumed streams too", async () => {
    const headers = { "last-event-id": "1.3" };
    const of = (id: string) => api.inject({ url: `/api/v1/jobs/${id}/events`, headers }, STRANGER);
    const [foreign, none] = [await of(owned.job), await of(NOBODYS.job)];
    expect(essence(foreign, owned.job)).toEqual(essence(none, NOBODYS.job));
    expect((await api.inject({ url: `/api/v1/jobs/${owned.job}/events`, headers })).statusCode).toBe(204);
  });
});

describe("what a tenant has in common with another in name only", () => {
  it("lists show nothing of it", async () => {
    for (const path of ["/api/v1/jobs", "/api/v1/schedules"]) {
      const [own, strange] = [await api.inject(path), await api.inject(path, STRANGER)];
      expect(own.body).toMatch(/"kind":"sum"/);
      expect(strange.body).not.toContain("sum");
    }
    const queues = await api.inject("/api/v1/queues", STRANGER);
    for (const queue of queues.json<{ queues: { queued: number }[] }>().queues) expect(queue.queued).toBe(0);
  });

  it("a cursor is refused like one of nobody", async () => {
    await api.make();
    const page = await api.inject("/api/v1/jobs?limit=1");
    const cursor = page.json<{ nextCursor: string }>().nextCursor;
    const foreign = await api.inject(`/api/v1/jobs?cursor=${cursor}`, STRANGER);
    const none = await api.inject(`/api/v1/jobs?cursor=${"A".repeat(cursor.length)}`, STRANGER);
    expect(essence(foreign, cursor)).toEqual(essence(none, cursor));
  });

  it("an Idempotency-Key is the tenant's own", async () => {
    const headers = { "idempotency-key": "shared", "content-type": "application/json" };
    const make = (tenant: string, body: unknown) =>
      api.inject({ method: "POST", url: "/api/v1/jobs", headers, payload: JSON.stringify(body) }, tenant);
    const first = await make(OWNER, SUM);
    const other = await make(STRANGER, { ...SUM, priority: 7 });
    expect([first.statusCode, other.statusCode]).toEqual([202, 202]);
    expect(other.headers["idempotency-replayed"]).toBeUndefined();
    expect(other.json<{ id: string }>().id).not.toBe(first.json<{ id: string }>().id);
  });

  it("a schedule of the same name is another one", async () => {
    const put = { method: "PUT", url: "/api/v1/schedules/owners", payload: { ...SUM, everySeconds: 90 } } as const;
    expect((await api.inject(put, STRANGER)).statusCode).toBe(201);
    expect((await api.inject("/api/v1/schedules/owners")).json()).toMatchObject({ everySeconds: 60 });
  });
});

it("leaves everything of the owner as it was", async () => {
  const { rows } = await api.stack.pool.query(
    "SELECT state, cancel_requested_at FROM jobs WHERE tenant = $1 AND batch_id = $2",
    [OWNER, owned.batch],
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) expect(row).toMatchObject({ cancel_requested_at: null });
  expect(rows.map(({ state }) => state as string)).not.toContain("cancelled");
  expect((await api.inject(`/api/v1/jobs/${owned.job}`)).json()).toMatchObject({ state: "succeeded" });
  expect((await api.inject("/api/v1/schedules/owners")).statusCode).toBe(200);
});
