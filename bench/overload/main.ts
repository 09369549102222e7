/** What tenants who do nothing wrong feel of one who does; see docs/benchmarks.md. */
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TENANT, testToken } from "../../test/servers/credentials.ts";
import { UserError } from "../../toolchain/command.ts";
import { runMain } from "../../toolchain/main.ts";
import { Steps } from "../../toolchain/steps.ts";
import { bundlePrograms } from "../../test/servers/bundles.ts";
import { startRunning } from "../child.ts";
import { BENCH } from "../install.ts";
import { unlessInterrupted } from "../interrupt.ts";
import { SERVER_SETTINGS, startOurs, type Ours } from "../ours.ts";
import { startReady, type ReadyProgram } from "../programs.ts";
import { pace } from "../queue/pace.ts";
import { report, type Figure } from "../report.ts";
import { percentile, ratios } from "../stats.ts";
import { ATTACKS } from "./attacks.ts";

const SIZES = { smoke: { rounds: 1, seconds: 1 }, quick: { rounds: 3, seconds: 4 }, full: { rounds: 7, seconds: 10 } };

/** Requests a second of those who do nothing wrong; each makes a job. */
const PER_SECOND = 80;

/** Limits as a team of this size may set them; the others by default. */
const LIMITS = { RATE_LIMIT_PER_SECOND: "100", RATE_LIMIT_BURST: "200", MAX_CONNECTIONS: "500" };

const USAGE = {
  command: "make bench-overload",
  summary: "p99 of requests of a tenant who does nothing wrong, while another one attacks the API or a decoy, in turn.",
  options: ["ARGS='--size smoke'  or quick; smoke's figures mean nothing (default: full, about fifteen minutes)"],
  examples: ["make bench-overload", "make bench-overload ARGS='--size quick'"],
};

interface Targets {
  readonly ours: Ours;
  readonly api: ReadyProgram;
  readonly decoy: ReadyProgram;
  readonly say: (line: string) => void;
}

await runMain(USAGE, { size: { type: "string" } }, async ({ values: { size = "full" } }) => {
  const chosen = Object.entries(SIZES).find(([name]) => name === size)?.[1];
  if (!chosen) throw new UserError(`--size is ${size}, must be one of ${Object.keys(SIZES).join(", ")}.`);
  const steps = new Steps();
  const bundles = await steps.run("Bundles", () => bundlePrograms());
  const ours = await steps.run("Servers", () => startOurs());
  try {
    const api = await startReady(ours, "api", [bundles.path("api")], LIMITS);
    const decoy = await startReady(ours, "decoy", [join(BENCH, "overload", "decoy.ts")]);
    const figures = await steps.run("Attacks", (say) =>
      unlessInterrupted(measure({ ours, api, decoy, say }, chosen.rounds, chosen.seconds)),
    );
    await Promise.all([api.stop(), decoy.stop()]);
    const limits = Object.entries(LIMITS).map(([name, value]) => `${name}=${value}`);
    const systems = {
      ...SERVER_SETTINGS,
      slipway: `${limits.join(" ")}, others by default`,
      requests: `${PER_SECOND}/s`,
    };
    report({ benchmark: `overload-${size}`, systems, figures });
  } finally {
    await ours.close();
    bundles.remove();
  }
});

async function measure(targets: Targets, rounds: number, seconds: number): Promise<Figure[]> {
  const seen = new Map(Object.keys(ATTACKS).map((name) => [name, { api: [] as number[], decoy: [] as number[] }]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, { api, decoy }] of seen) {
      targets.say(`round ${round} of ${rounds}: ${name}`);
      const without = await p99Under(targets, name, targets.decoy, seconds);
      const under = await p99Under(targets, name, targets.api, seconds);
      if (round === 0) continue;
      api.push(under);
      decoy.push(without);
    }
  }
  return [...seen].flatMap(([name, { api, decoy }]): Figure[] => [
    { name: `p99, a decoy under ${name}`, unit: "ms", values: decoy },
    { name: `p99, the API under ${name}`, unit: "ms", values: api },
    { name: `p99 of others under ${name}: API / decoy`, unit: "x", values: ratios(api, decoy), goal: { atMost: 2 } },
  ]);
}

async function p99Under(
  { ours, api }: Targets,
  attack: string,
  target: ReadyProgram,
  seconds: number,
): Promise<number> {
  const env = { ATTACK: attack, PORT: String(target.port), TOKEN: await testToken("greedy") };
  const attacker = startRunning(
    [process.execPath, join(BENCH, "overload", "attacker.ts")],
    env,
    join(ours.folder, "attacker.log"),
  );
  try {
    await sleep(1000); // The burst is used up, the connections are made.
    const took = await postPaced(api.port, seconds);
    return percentile(took, 99);
  } finally {
    await attacker.stop("SIGKILL");
    await ours.clear();
    await ours.stack.redis.command("FLUSHDB");
  }
}

/** @returns milliseconds of each request @throws Error when one is answered by anything but 202 */
async function postPaced(port: number, seconds: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const headers = { authorization: `Bearer ${await testToken(TENANT)}`, "content-type": "application/json" };
  const took: number[] = [];
  try {
    await pace(seconds * PER_SECOND, PER_SECOND, async () => {
      const began = performance.now();
      const status = await post(agent, port, headers);
      if (status !== 202) throw new Error(`a tenant who does nothing wrong was answered ${status}, must be 202`);
      took.push(performance.now() - began);
    });
    return took;
  } finally {
    agent.destroy();
  }
}

async function post(agent: Agent, port: number, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, port, host: "127.0.0.1", method: "POST", path: "/api/v1/jobs", headers });
    sent.once("error", reject);
    sent.once("response", (answer) => {
      answer.resume().once("end", () => {
        resolve(answer.statusCode ?? 0);
      });
    });
    sent.end('{"kind":"sum","params":{"numbers":[1,2]}}');
  });
}
