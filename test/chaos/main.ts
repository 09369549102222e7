/** Jobs while things break; see docs/chaos.md. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../toolchain/command.ts";
import { runMain } from "../../toolchain/main.ts";
import { Steps } from "../../toolchain/steps.ts";
import { FAULTS } from "./faults/table.ts";
import { MUTANTS } from "./mutants.ts";
import { formatReport, isSound, toJson } from "./report.ts";
import { runChaos } from "./run.ts";

const USAGE = {
  command: "make chaos",
  summary: "asks for jobs while processes, servers and networks break, and counts what was lost, doubled or wrong.",
  options: [
    "ARGS='--seed 7'  determines what is asked for and what breaks (default: a new one, which is printed)",
    "ARGS='--faults 10000'  faults, at least (default 500)",
    "ARGS='--jobs 1000000'  jobs to be accepted in the planned time (default 20000)",
    "ARGS='--minutes 60'  planned time of faults; it takes half as long again at most (default 4)",
    "ARGS='--long'  hangs of 30 s among the others",
    `ARGS='--only redis-flush,worker-kill'  of ${FAULTS.map(({ name }) => name).join(", ")}`,
    `ARGS='--mutant no-fencing'  takes a part of the product out: ${Object.keys(MUTANTS).join(", ")}`,
    "ARGS='--json'  prints JSON; it is written to test/chaos/results anyway",
  ],
  examples: [
    "make chaos",
    "make chaos ARGS='--faults 10000 --jobs 1000000 --minutes 90 --long'",
    "make chaos ARGS='--seed 7 --only postgres-kill --minutes 1 --faults 5'",
  ],
};

const OPTIONS = {
  seed: { type: "string" },
  faults: { type: "string", default: "500" },
  jobs: { type: "string", default: "20000" },
  minutes: { type: "string", default: "4" },
  only: { type: "string" },
  mutant: { type: "string" },
  long: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

await runMain(USAGE, OPTIONS, async ({ values }) => {
  const { only, mutant, long } = values;
  const options = {
    seed: values.seed ?? String(Date.now() % 1_000_000),
    faults: number("faults", values.faults),
    jobs: number("jobs", values.jobs),
    minutes: number("minutes", values.minutes),
    ...(only === undefined ? {} : { only: only.split(",") }),
    // A mutant shows soon, and where much is under way.
    ...(mutant === undefined ? {} : { mutant, stuckMs: 20_000, longShare: 0.3 }),
    long,
  };
  const steps = new Steps();
  steps.say(`Seed ${options.seed}`);
  const result = await steps.run("Chaos", (say) => runChaos({ ...options, say }));
  const json = `${JSON.stringify(toJson(result), null, 2)}\n`;
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `seed-${options.seed}.json`), json);
  process.stdout.write(values.json ? json : `${formatReport(result)}\n`);
  process.exitCode = isSound(result) && result.crashes.length === 0 ? 0 : 1;
});

function number(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new UserError(`--${name} is ${JSON.stringify(text)}, must be a number above 0`);
}
