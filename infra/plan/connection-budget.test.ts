import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  assertConnectionBudget,
  ConnectionBudgetError,
  planConnections,
  type ConnectionUser,
} from "./connection-budget.ts";

const API: ConnectionUser = { name: "api", replicas: 2, connections: 10, keys: ["api.replicas"] };
const WORKER: ConnectionUser = {
  name: "worker-cpu",
  replicas: 1,
  connections: 6,
  keys: ["worker.replicas", "worker.concurrency"],
};

const users = fc.array(
  fc.record({
    name: fc.string(),
    replicas: fc.integer({ min: 1, max: 32 }),
    connections: fc.integer({ min: 1, max: 300 }),
    keys: fc.array(fc.string()),
  }),
  { maxLength: 6 },
);
const maxima = fc.integer({ min: 0, max: 5000 });

function fits(services: readonly ConnectionUser[], maxConnections: number): boolean {
  try {
    assertConnectionBudget("dev", services, maxConnections);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectionBudgetError);
    return false;
  }
}

describe("planConnections", () => {
  it("counts once who is gone before the next one comes", () => {
    const agent = { name: "backup", replicas: 1, connections: 2, keys: [], isReplacedInPlace: true };
    expect(planConnections([agent], 100)).toMatchObject({
      needed: 8,
      rows: [{ name: "backup", connections: 2, why: "1 x 2", keys: [] }, {}, {}],
    });
  });

  it("counts old and new release, one migration, and five for people", () => {
    expect(planConnections([API, WORKER], 100)).toEqual({
      needed: 58,
      available: 97,
      rows: [
        { name: "api", connections: 40, why: "2 x 10, twice in a release", keys: API.keys },
        { name: "worker-cpu", connections: 12, why: "1 x 6, twice in a release", keys: WORKER.keys },
        { name: "migrate", connections: 1, why: "one at a time", keys: [] },
        { name: "people and monitoring", connections: 5, why: "kept free", keys: [] },
      ],
    });
  });

  it("needs the sum of its rows, whatever the services", () => {
    fc.assert(
      fc.property(users, maxima, (services, max) => {
        const { needed, rows } = planConnections(services, max);
        const once = services.reduce((sum, { replicas, connections }) => sum + replicas * connections, 0);
        expect(needed).toBe(2 * once + 6);
        expect(rows.reduce((sum, row) => sum + row.connections, 0)).toBe(needed);
        expect(rows).toHaveLength(services.length + 2);
      }),
    );
  });
});

describe("assertConnectionBudget", () => {
  it("is content exactly as long as what is needed is there", () => {
    fc.assert(
      fc.property(users, maxima, (services, max) => {
        const { needed, available } = planConnections(services, max);
        expect(fits(services, max)).toBe(needed <= available);
        expect(fits(services, needed + 3)).toBe(true);
        expect(fits(services, needed + 2)).toBe(false);
      }),
    );
  });

  it("holds while one allowed size replaces another: old and new fit together", () => {
    fc.assert(
      fc.property(users, users, (before, after) => {
        const max = 3 + Math.max(planConnections(before, 0).needed, planConnections(after, 0).needed);
        expect(fits(before, max) && fits(after, max)).toBe(true);
        const once = [...before, ...after].reduce((sum, user) => sum + user.replicas * user.connections, 0);
        expect(once + 6).toBeLessThanOrEqual(planConnections(after, max).available);
      }),
    );
  });

  it("says the numbers, and which keys to lower in which file", () => {
    const big = { ...WORKER, replicas: 4 };
    expect(() => {
      assertConnectionBudget("dev", [API, big], 50);
    }).toThrow(
      [
        "The services of Pulumi.dev.yaml may hold 94 connections to Postgres at once, allowed are 47 (max_connections is 50, 3 of them are the superuser's); nothing was created or changed.",
        "  - api: 40 (2 x 10, twice in a release); lower slipway:api.replicas",
        "  - worker-cpu: 48 (4 x 6, twice in a release); lower slipway:worker.replicas or slipway:worker.concurrency",
        "  - migrate: 1 (one at a time)",
        "  - people and monitoring: 5 (kept free)",
        "Take away 47 in Pulumi.dev.yaml.",
      ].join("\n"),
    );
  });
});
