/** How long the programs take from their start to ready, beside `node -e 0`; see docs/benchmarks.md. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { freePort } from "../../test/servers/programs.ts";
import { UserError } from "../../toolchain/command.ts";
import { runMain } from "../../toolchain/main.ts";
import { Steps } from "../../toolchain/steps.ts";
import { bundlePrograms } from "../../test/servers/bundles.ts";
import { unlessInterrupted } from "../interrupt.ts";
import { SERVER_SETTINGS, startOurs, type Ours } from "../ours.ts";
import { PRODUCTION, PROGRAM_SETTINGS } from "../programs.ts";
import { report, type Figure } from "../report.ts";
import { ratios } from "../stats.ts";

const ROUNDS = { smoke: 1, quick: 10, full: 30 } as const;

const USAGE = {
  command: "make bench-start",
  summary: "from the start of API and worker to their line `ready`, in pairs with `node -e 0`.",
  options: ["ARGS='--size smoke'  or quick (default: full)"],
  examples: ["make bench-start", "make bench-start ARGS='--size quick'"],
};

await runMain(USAGE, { size: { type: "string" } }, async ({ values: { size = "full" } }) => {
  const rounds = Object.entries(ROUNDS).find(([name]) => name === size)?.[1];
  if (rounds === undefined) throw new UserError(`--size is ${size}, must be one of ${Object.keys(ROUNDS).join(", ")}.`);
  const steps = new Steps();
  const bundles = await steps.run("Bundles", () => bundlePrograms());
  const ours = await steps.run("Servers", () => startOurs());
  try {
    const paths = { api: bundles.path("api"), worker: bundles.path("worker") };
    const figures = await steps.run("Starts", (say) => unlessInterrupted(measure(ours, paths, rounds, say)));
    report({ benchmark: `start-${size}`, systems: { ...SERVER_SETTINGS, slipway: PROGRAM_SETTINGS }, figures });
  } finally {
    await ours.close();
    bundles.remove();
  }
});

async function measure(
  ours: Ours,
  paths: Readonly<Record<"api" | "worker", string>>,
  rounds: number,
  say: (line: string) => void,
): Promise<Figure[]> {
  const bare: number[] = [];
  const ready: Readonly<Record<"api" | "worker", number[]>> = { api: [], worker: [] };
  // The first round brings files into the cache of the system and does not count.
  for (let round = 0; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}`);
    const seen = {
      bare: startBare(),
      api: await startUntilReady(ours, paths.api),
      worker: await startUntilReady(ours, paths.worker),
    };
    if (round === 0) continue;
    bare.push(seen.bare);
    ready.api.push(seen.api);
    ready.worker.push(seen.worker);
  }
  const own = (["api", "worker"] as const).flatMap((name): Figure[] => [
    { name: `${name}: start to ready`, unit: "ms", values: ready[name] },
    { name: `${name}: start to ready / node -e 0`, unit: "x", values: ratios(ready[name], bare), goal: { atMost: 2 } },
  ]);
  return [{ name: "node -e 0, start to end", unit: "ms", values: bare }, ...own];
}

function startBare(): number {
  const began = performance.now();
  spawnSync(process.execPath, ["-e", "0"]);
  return performance.now() - began;
}

/** Ready is what the program says in its log, at the moment that its readiness route turns to 200. */
async function startUntilReady(ours: Ours, path: string): Promise<number> {
  const env = { ...ours.stack.env, ...PRODUCTION, PORT: String(await freePort()) };
  const began = performance.now();
  const child = spawn(process.execPath, [path], { env, stdio: ["ignore", "pipe", "inherit"] });
  const took = await new Promise<number>((resolve, reject) => {
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      if (printed.includes('"msg":"ready"')) resolve(performance.now() - began);
    });
    child.once("close", (code) => {
      reject(new Error(`${path} ended with ${code ?? "a signal"} before it was ready: ${printed}`));
    });
  });
  child.kill("SIGTERM");
  await once(child, "close");
  return took;
}
