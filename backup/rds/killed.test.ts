import { spawn } from "node:child_process";
import { once } from "node:events";
import { CreateDBInstanceCommand, DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { afterAll, beforeAll, expect, it } from "vitest";
import { until } from "../../test/servers/programs.ts";
import { startStack, type TestStack } from "../../test/servers/stack.ts";
import { startFront, type Front } from "../../toolchain/aws/front.ts";
import { MOTO_CREDENTIALS, startMoto, type Moto } from "../../toolchain/aws/moto.ts";
import { findFolders, ROOT } from "../../toolchain/folders.ts";
import { Client } from "pg";

/** The program itself. RDS is simulated by moto, and one real Postgres stands for both instances: the names that moto gives lead to it. */
const SETUP_MS = 300_000;
const TEST_MS = 150_000;
const REGION = "eu-central-1";
const NAMES = `import dns from "node:dns"; const { lookup } = dns;
dns.lookup = (name, ...rest) => lookup(name.endsWith(".rds.amazonaws.com") ? "127.0.0.1" : name, ...rest);`;

let moto: Moto;
let front: Front;
let stack: TestStack;
let client: RDSClient;
beforeAll(async () => {
  [moto, stack] = await Promise.all([startMoto(findFolders()), startStack()]);
  front = await startFront(moto.url);
  const credentials = { accessKeyId: "simulated", secretAccessKey: "simulated" };
  client = new RDSClient({ endpoint: front.url, region: REGION, credentials });
  await client.send(
    new CreateDBInstanceCommand({
      ...{ DBInstanceIdentifier: "serving", DBInstanceClass: "db.m7g.large", Engine: "postgres", AllocatedStorage: 20 },
      ...{ MasterUsername: "master", MasterUserPassword: "simulated-1", Port: stack.postgres.port },
      DeletionProtection: true,
    }),
  );
}, SETUP_MS);
afterAll(async () => {
  client.destroy();
  await front.close();
  await Promise.all([moto.end(), stack.close()]);
});

const instances = async () => {
  const { DBInstances = [] } = await client.send(new DescribeDBInstancesCommand({}));
  return DBInstances.map(({ DBInstanceIdentifier: name }) => name).sort();
};

function drill() {
  const env = {
    ...{
      PATH: process.env["PATH"] ?? "",
      ...stack.env,
      ...MOTO_CREDENTIALS,
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL: front.url,
    },
    ...{ DRILL_SOURCE: "serving", DRILL_INSTANCE: "drill", DRILL_TAGS: JSON.stringify({ "slipway:drill": "prod" }) },
  };
  const preload = `data:text/javascript,${encodeURIComponent(NAMES)}`;
  const child = spawn(process.execPath, ["--import", preload, "backup/rds/main.ts", "drill"], { cwd: ROOT, env });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (said += part.toString()));
  const ended = once(child, "close").then(([code, signal]: unknown[]) => ({ code, signal, said }));
  return { child, ended };
}

/** What becomes of a drill that is sent a signal while its instance is there and it looks at it. */
async function sent(signal: "SIGKILL" | "SIGTERM") {
  const { port } = stack.postgres;
  const holder = new Client({ host: "127.0.0.1", port, user: "postgres", database: stack.database });
  await holder.connect();
  try {
    await holder.query("BEGIN; LOCK TABLE backups IN ACCESS EXCLUSIVE MODE");
    const { child, ended } = drill();
    const waits = "SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND relation = 'backups'::regclass";
    const early = ended.then(({ said }) => Promise.reject(new Error(`it ended before: ${said}`)));
    early.catch(() => undefined);
    await Promise.race([
      until("it stands still", async () => (await stack.asSuperuser(waits))[0]?.["n"] === 1, 60_000),
      early,
    ]);
    const during = await instances();
    child.kill(signal);
    return { during, ...(await ended) };
  } finally {
    await holder.end();
  }
}

it(
  "a drill that is killed leaves its instance, which the next one finds and removes",
  async () => {
    const killed = await sent("SIGKILL");
    expect([killed.signal, killed.during, await instances()]).toEqual([
      "SIGKILL",
      ["drill", "serving"],
      ["drill", "serving"],
    ]);
    const next = await drill().ended;
    expect([next.code, await instances()], next.said).toEqual([0, ["serving"]]);
    expect(next.said).toContain("left by a drill that was killed");
    expect(await stack.asSuperuser("SELECT outcome FROM drills")).toEqual([{ outcome: "succeeded" }]);
  },
  TEST_MS,
);

it(
  "one that is told to end takes its instance away at once, in the middle of a statement, and says so",
  async () => {
    const told = await sent("SIGTERM");
    expect([told.code, told.during, await instances()], told.said).toEqual([1, ["drill", "serving"], ["serving"]]);
    expect(told.said).toMatch(/"event":"failure","message":"SIGTERM received/);
    expect(await stack.asSuperuser("SELECT outcome FROM drills")).toEqual([{ outcome: "succeeded" }]);
  },
  TEST_MS,
);
