/**
 * Whether Postgres has a connection for everybody. A pool that asks for one too many finds out in the middle of a
 * release, when old and new stand side by side; here it is a sum before anything is made.
 */

/** Connections that Postgres keeps for its superuser (`superuser_reserved_connections`, default of Postgres 15). */
export const SUPERUSER_RESERVED = 3;

/** A migration works over one connection. */
export const MIGRATE_CONNECTIONS = 1;

/** Kept free for people at a prompt and for monitoring. */
export const KEPT_FREE = 5;

/**
 * Releases that stand beside each other. Two also hold for a change of size: where twice the old and twice the new one
 * fit, the old and the new one together fit.
 */
const RELEASES_AT_ONCE = 2;

/** A running service and what it may take. */
export interface ConnectionUser {
  readonly name: string;
  readonly replicas: number;
  /** Most connections that one replica holds. */
  readonly connections: number;
  /** Whether the old one is gone before the new one comes, so that a release never has both. */
  readonly isReplacedInPlace?: boolean;
  /** Keys of the stack's file, without `slipway:`, that lower its share. */
  readonly keys: readonly string[];
}

/** One line of the sum. */
export interface ConnectionRow {
  readonly name: string;
  readonly connections: number;
  /** How the number comes about. */
  readonly why: string;
  readonly keys: readonly string[];
}

export interface ConnectionBudget {
  /** Connections that may be held at one moment, at most: the sum of the rows. */
  readonly needed: number;
  /** Connections that anybody but the superuser may have. */
  readonly available: number;
  readonly rows: readonly ConnectionRow[];
}

/**
 * Adds up who may hold a connection while a release takes over.
 *
 * @param users          the running services
 * @param maxConnections `max_connections` of Postgres
 */
export function planConnections(users: readonly ConnectionUser[], maxConnections: number): ConnectionBudget {
  const rows: ConnectionRow[] = [
    ...users.map(({ name, replicas, connections, keys, isReplacedInPlace = false }) => ({
      name,
      connections: replicas * connections * (isReplacedInPlace ? 1 : RELEASES_AT_ONCE),
      why: `${replicas} x ${connections}${isReplacedInPlace ? "" : ", twice in a release"}`,
      keys,
    })),
    { name: "migrate", connections: MIGRATE_CONNECTIONS, why: "one at a time", keys: [] },
    { name: "people and monitoring", connections: KEPT_FREE, why: "kept free", keys: [] },
  ];
  const needed = rows.reduce((sum, { connections }) => sum + connections, 0);
  return { needed, available: Math.max(0, maxConnections - SUPERUSER_RESERVED), rows };
}

/** More connections may be asked for than Postgres gives. */
export class ConnectionBudgetError extends Error {
  constructor(stack: string, { needed, available, rows }: ConnectionBudget, maxConnections: number) {
    const lines = rows.map(({ name, connections, why, keys }) => {
      const fix = keys.length === 0 ? "" : `; lower ${keys.map((key) => `slipway:${key}`).join(" or ")}`;
      return `  - ${name}: ${connections} (${why})${fix}`;
    });
    super(
      `The services of Pulumi.${stack}.yaml may hold ${needed} connections to Postgres at once, allowed are ${available} ` +
        `(max_connections is ${maxConnections}, ${SUPERUSER_RESERVED} of them are the superuser's); nothing was created or changed.\n` +
        `${lines.join("\n")}\nTake away ${needed - available} in Pulumi.${stack}.yaml.`,
    );
    this.name = "ConnectionBudgetError";
  }
}

/**
 * Refuses a stack whose services could ask Postgres for more connections than it has.
 *
 * @param stack          the stack's name, for the message
 * @param users          the running services
 * @param maxConnections `max_connections` of Postgres
 * @throws ConnectionBudgetError with the sum, and which keys to lower
 */
export function assertConnectionBudget(stack: string, users: readonly ConnectionUser[], maxConnections: number): void {
  const budget = planConnections(users, maxConnections);
  if (budget.needed > budget.available) throw new ConnectionBudgetError(stack, budget, maxConnections);
}
