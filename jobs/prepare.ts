/**
 * Makes the product's roles in a database of RDS, as its master user, and ends. What is there is left as it is.
 *
 *     node jobs/prepare.ts
 *
 * Exit: 0 done, 1 failed, 78 wrong configuration.
 */
import { Client } from "pg";
import { loadRuntime } from "../configs/runtime.ts";
import { verifiedTls } from "./database.ts";
import { createLog } from "./log.ts";
import { readMasterUser } from "./master-secret.ts";
import { reasonOf, untilItWorks } from "./patience.ts";
import { prepareRoles } from "./prepare-roles.ts";
import { loadOrExit } from "./process.ts";

async function main(): Promise<void> {
  const config = loadOrExit((env) => loadRuntime("prepare", env));
  const log = createLog("prepare", config.logLevel);
  const what = `database ${config.DATABASE_NAME} at ${config.DATABASE_HOST}:${config.DATABASE_PORT}`;
  try {
    const client = await untilItWorks(
      async () => {
        // Asked for at every try: a password that has just been changed is another one then.
        const { username, password } = await readMasterUser(config.DATABASE_MASTER_SECRET);
        const one = new Client({
          ...{ host: config.DATABASE_HOST, port: config.DATABASE_PORT, database: config.DATABASE_NAME },
          ...{ user: username, password, application_name: "slipway-prepare", connectionTimeoutMillis: 5000 },
          ssl: config.DATABASE_TLS === "verify" ? verifiedTls(config.DATABASE_CA_FILE) : false,
        });
        await one.connect();
        return one;
      },
      { what, log },
    );
    const { secrets } = config;
    await prepareRoles(client, [
      { name: "slipway_owner", password: secrets["database-owner-password"] },
      { name: "slipway_app", password: secrets["database-password"] },
      { name: "slipway_owner_second", password: secrets["database-owner-password-second"] },
      { name: "slipway_app_second", password: secrets["database-password-second"] },
    ]);
    await client.end();
    log.info("the roles of the database are there");
  } catch (error) {
    log.fatal({ err: error }, `the database was not prepared: ${reasonOf(error)}`);
    process.exit(1);
  }
}

await main();
