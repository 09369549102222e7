/** The API beside plain Fastify, and beside FastAPI with SQLAlchemy and Celery; see docs/benchmarks.md. */
import { join } from "node:path";
import { TEST_KEYS } from "../../test/servers/credentials.ts";
import { until } from "../../test/servers/programs.ts";
import { UserError } from "../../toolchain/command.ts";
import { runMain } from "../../toolchain/main.ts";
import { Steps } from "../../toolchain/steps.ts";
import { bundleWithStamp } from "../bundles.ts";
import { BENCH, bringPeers, type Peers } from "../install.ts";
import { unlessInterrupted } from "../interrupt.ts";
import { MEASURED, SERVER_SETTINGS, startOurs, type Ours } from "../ours.ts";
import { PROGRAM_SETTINGS, startProgramReady, startReady, type ReadyProgram } from "../programs.ts";
import { celeryEnv } from "../queue/processing.ts";
import { report, type Figure } from "../report.ts";
import { ratios } from "../stats.ts";
import { CONNECTIONS, loadJobs, type Load } from "./load.ts";

const SIZES = { smoke: { rounds: 1, seconds: 1 }, quick: { rounds: 3, seconds: 4 }, full: { rounds: 7, seconds: 10 } };

const USAGE = {
  command: "make bench-http",
  summary: "accepting jobs over HTTP, beside plain Fastify and beside FastAPI + SQLAlchemy + Celery, in turn.",
  options: ["ARGS='--size smoke'  or quick; smoke's figures mean nothing (default: full)"],
  examples: ["make bench-http", "make bench-http ARGS='--size quick'"],
};

/** Servers that are measured, by the name in the report. */
type Servers = ReadonlyMap<string, ReadyProgram>;

await runMain(USAGE, { size: { type: "string" } }, async ({ values: { size = "full" } }) => {
  const chosen = Object.entries(SIZES).find(([name]) => name === size)?.[1];
  if (!chosen) throw new UserError(`--size is ${size}, must be one of ${Object.keys(SIZES).join(", ")}.`);
  const steps = new Steps();
  const peers = await bringPeers(steps);
  const bundles = await steps.run("Bundles", () => bundleWithStamp());
  const ours = await steps.run("Servers", () => startOurs());
  const servers = new Map<string, ReadyProgram>();
  try {
    await steps.run("Programs", () => startServers(ours, peers, bundles.path("api"), servers));
    const figures = await steps.run("Load", (say) =>
      unlessInterrupted(measure({ ours, peers, servers, say }, chosen.rounds, chosen.seconds)),
    );
    const systems = { ...peers.versions, ...SERVER_SETTINGS, slipway: PROGRAM_SETTINGS, connections: `${CONNECTIONS}` };
    report({ benchmark: `http-${size}`, systems, figures });
  } finally {
    for (const server of servers.values()) await server.stop();
    await ours.close();
    bundles.remove();
  }
});

async function startServers(ours: Ours, peers: Peers, api: string, servers: Map<string, ReadyProgram>): Promise<void> {
  const plain = join(BENCH, "http", "plain-fastify.ts");
  servers.set("accept route", await startReady(ours, "accept", [join(BENCH, "http", "accept-server.ts")]));
  servers.set("plain Fastify", await startReady(ours, "plain", [plain]));
  servers.set("plain Fastify with a token", await startReady(ours, "token", [plain], { CHECK: "token" }));
  servers.set("slipway", await startReady(ours, "api", [api]));
  const { port } = ours.stack.postgres;
  const database = `127.0.0.1:${port}/${await ours.stack.postgres.createDatabase()}`;
  const env = {
    ...celeryEnv(ours),
    ASYNC_DATABASE_URL: `postgresql+asyncpg://slipway_owner@${database}`,
    JWT_SECRET: Buffer.from(TEST_KEYS["jwt-keys"][0].secret, "base64url").toString("latin1"),
  };
  const uvicorn = [peers.python, "-m", "uvicorn", "fastapi_app:app", "--app-dir", join(BENCH, "peers")];
  const options = ["--host", "127.0.0.1", "--loop", "uvloop", "--http", "httptools", "--no-access-log"];
  servers.set("FastAPI", await startProgramReady(ours, "fastapi", (at) => [...uvicorn, ...options, "--port", at], env));
}

interface Run {
  readonly ours: Ours;
  readonly peers: Peers;
  readonly servers: Servers;
  readonly say: (line: string) => void;
}

async function measure({ ours, peers, servers, say }: Run, rounds: number, seconds: number): Promise<Figure[]> {
  const seen = new Map<string, Load[]>([...servers.keys()].map((name) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, server] of servers) {
      say(`round ${round} of ${rounds}: ${name}`);
      await ours.numbers("CHECKPOINT");
      const load = await loadJobs(peers, server.port, seconds);
      if (name === "slipway") await checkKept(ours, load.accepted);
      if (round > 0) seen.get(name)?.push(load);
    }
  }
  return figuresOf(seen);
}

/** Every answer was kept: the rows are there, and all their wake-ups have left the outbox. */
async function checkKept(ours: Ours, accepted: number): Promise<void> {
  const { jobs = 0 } = await ours.numbers(`SELECT count(*) AS jobs FROM jobs WHERE ${MEASURED}`);
  // Requests in flight when the generator stops are made but not counted.
  if (jobs < accepted || jobs > accepted + CONNECTIONS)
    throw new Error(`${accepted} requests were accepted, ${jobs} jobs were made`);
  await until("the outbox is empty", async () => {
    return (await ours.numbers("SELECT count(*) AS waiting FROM outbox"))["waiting"] === 0;
  });
  await ours.clear();
  await ours.stack.redis.command("FLUSHDB");
}

function figuresOf(seen: ReadonlyMap<string, Load[]>): Figure[] {
  const rates = (name: string) => (seen.get(name) ?? []).map(({ perSecond }) => perSecond);
  const ratio = (one: string, other: string, goal?: number): Figure => ({
    name: `${one} / ${other}`,
    unit: "x",
    values: ratios(rates(one), rates(other)),
    ...(goal === undefined ? {} : { goal: { atLeast: goal } }),
  });
  return [
    ...[...seen].flatMap(([name, loads]): Figure[] => [
      { name, unit: "requests/s", values: loads.map(({ perSecond }) => perSecond) },
      { name: `${name}, p99`, unit: "ms", values: loads.map(({ p99 }) => p99) },
    ]),
    ratio("accept route", "plain Fastify", 0.85),
    ratio("accept route", "plain Fastify with a token"),
    ratio("slipway", "FastAPI", 3),
  ];
}
