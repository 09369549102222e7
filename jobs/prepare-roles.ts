import type { Client } from "pg";
import { scramVerifier } from "./scram.ts";

/** A role of the product and what opens it. */
export interface RolePassword {
  readonly name: "slipway_app" | "slipway_owner";
  readonly password: string;
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
  if (rowCount === 0) await client.query(`CREATE ROLE ${name} LOGIN`);
  // A statement with parameters cannot say this; a verifier has no quote in it.
  await client.query(`ALTER ROLE ${name} LOGIN PASSWORD ${client.escapeLiteral(scramVerifier(password))}`);
}
