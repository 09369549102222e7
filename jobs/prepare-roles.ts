import type { Client } from "pg";
import { scramVerifier } from "./scram.ts";

/** Roles of the product. Those of a second slot are members of the first, and may do what they may. */
const ROLES = {
  slipway_owner: undefined,
  slipway_app: undefined,
  slipway_owner_second: "slipway_owner",
  slipway_app_second: "slipway_app",
} as const;

/** A role of the product and what opens it; without a password nobody comes in by it. */
export interface RolePassword {
  readonly name: keyof typeof ROLES;
  readonly password: string | undefined;
}

/**
 * Makes the product's roles, gives them their passwords and the database its owner, on a server whose superuser is not ours. It may run at every
 * deploy: what is there is left, and passwords are those of now. The images of our own Postgres do the same (infra/images/postgres/roles.sql).
 *
 * @param client connected to the product's database, as a role that may make roles
 */
export async function prepareRoles(client: Client, roles: readonly RolePassword[]): Promise<void> {
  for (const role of roles) await prepareRole(client, role);
  const database = client.escapeIdentifier(client.database ?? "");
  // Only a member may give things to a role, and only to be it for a moment: Postgres 16 takes this grant from whoever made the role.
  await client.query("GRANT slipway_owner TO CURRENT_USER");
  await client.query(`ALTER DATABASE ${database} OWNER TO slipway_owner`);
  await client.query("SET ROLE slipway_owner");
  try {
    await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    await client.query(`GRANT CONNECT ON DATABASE ${database} TO slipway_app`);
    // Who owns the database owns its schema public (pg_database_owner, Postgres 14 and later).
    await client.query("REVOKE ALL ON SCHEMA public FROM PUBLIC");
    await client.query("GRANT USAGE ON SCHEMA public TO slipway_app");
  } finally {
    await client.query("RESET ROLE");
  }
}

async function prepareRole(client: Client, { name, password }: RolePassword): Promise<void> {
  const { rowCount } = await client.query("SELECT FROM pg_roles WHERE rolname = $1", [name]);
  const isThere = rowCount !== 0;
  const group = ROLES[name];
  // A slot that was never used leaves no role behind.
  if (!isThere && password === undefined && group !== undefined) return;
  if (!isThere) await client.query(`CREATE ROLE ${name}`);
  if (group !== undefined) await client.query(`GRANT ${group} TO ${name}`);
  // Whatever a migration makes belongs to one role, whichever slot it came by.
  if (name === "slipway_owner_second") await client.query(`ALTER ROLE ${name} SET role = 'slipway_owner'`);
  if (password === undefined) {
    await shutOut(client, name);
    return;
  }
  // A statement with parameters cannot say this; a verifier has no quote in it.
  await client.query(`ALTER ROLE ${name} LOGIN PASSWORD ${client.escapeLiteral(scramVerifier(password))}`);
}

/** Nobody comes in, and who is in does not stay. Only a member may end a role's sessions. */
async function shutOut(client: Client, name: RolePassword["name"]): Promise<void> {
  await client.query(`ALTER ROLE ${name} NOLOGIN PASSWORD NULL`);
  await client.query(`GRANT ${name} TO CURRENT_USER`);
  await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [name]);
}
