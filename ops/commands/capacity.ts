import { EXIT } from "../../backup/protocol.ts";
import { QUEUES } from "../../configs/runtime.ts";
import { StackConfigError, type StackConfig } from "../../configs/stack.ts";
import { planCapacity } from "../../infra/plan/capacity.ts";
import { ConnectionBudgetError } from "../../infra/plan/connection-budget.ts";
import { PlanError } from "../../infra/plan/plan-error.ts";
import type { Rate } from "../../jobs/rates.ts";
import { UserError } from "../../toolchain/command.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { capacityText, type CapacitySaid } from "../capacity-text.ts";
import { supplyOf } from "../capacity-supply.ts";
import { secondsOf } from "../duration.ts";
import { readJobs, readSeconds, readTimes, wholeLoad } from "../load.ts";
import { measuredRates } from "../measured-rates.ts";
import { runOps, type Asked, type Said } from "../run-ops.ts";
import { openSight } from "../sight/open-sight.ts";
import { readStackConfig } from "../stack-config.ts";

const NONE: string[] = [];

const OPTIONS = {
  jobs: { type: "string", multiple: true, default: NONE },
  seconds: { type: "string", multiple: true, default: NONE },
  times: { type: "string", default: "1" },
  since: { type: "string", default: "1h" },
  unmeasured: { type: "boolean", default: false },
} as const;

const EXITS = {
  usage: EXIT.usage,
  failed: EXIT.failed,
  lines: [
    `${EXIT.good}    enough`,
    `${EXIT.failed}    nothing could be measured`,
    `${EXIT.usage}    wrong usage, or a file that its program would refuse`,
    `${EXIT.notGood}    something is short`,
    "130  interrupted",
  ],
} as const;

export function run(): Promise<void> {
  return runOps({
    name: "capacity",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "how many workers the jobs that come need, with a fifth in reserve, beside what the stack's file gives at its most; and what it would have to say. " +
      `Rates and durations are measured where the stack runs. Ends with ${EXIT.notGood} where something is short.`,
    exits: EXITS,
    options: OPTIONS,
    optionLines: [
      "--since 1h          what came in so long a time; default 1h",
      "--times 3           measured rates times three",
      "--jobs NAME=N/s     jobs of a kind or queue in place of what was measured: 3/s, 200/min, 5000/h, 90000/day, 2000000/month",
      "--seconds NAME=N    seconds that one takes, all of its attempts together",
      "--unmeasured        asks nothing of the stack: what --jobs and --seconds say is all",
    ],
    examples: [
      "./slipway capacity --stack prod --since 1d",
      "./slipway capacity --times 3",
      "./slipway capacity --unmeasured --jobs speech=2000000/month --seconds speech=2.5",
      "./slipway capacity --json | jq .result.bounds",
    ],
    run: capacity,
  });
}

interface Measured {
  readonly rates: readonly Rate[];
  readonly hasGpu: boolean;
}

async function capacity(asked: Asked<typeof OPTIONS>): Promise<Said> {
  const { stack, values } = asked;
  const since = secondsOf("--since", values.since);
  const given = { jobs: readJobs(values.jobs), seconds: readSeconds(values.seconds), times: readTimes(values.times) };
  const { rates, hasGpu } = values.unmeasured ? { rates: [], hasGpu: false } : await measure(asked, since);
  const whole = wholeLoad(rates, since, given, await queues());
  const planned = faultsOf(() => planCapacity(whole.load, supplyOf(stack, configOf(stack), hasGpu)));
  const result: CapacitySaid = { ...planned, ...whole, measuredSeconds: values.unmeasured ? undefined : since };
  return { code: planned.isEnough ? EXIT.good : EXIT.notGood, result, text: capacityText(stack, result) };
}

async function measure({ stack, platform, steps }: Asked<typeof OPTIONS>, since: number): Promise<Measured> {
  const opened = await openSight(stack, platform, steps);
  const [rates, wanted] = await Promise.all([measuredRates(opened.stack, since), opened.sight.wanted()]);
  return { rates, hasGpu: Object.hasOwn(wanted, "worker-gpu") };
}

/** Queue of a kind, or the queue itself. */
async function queues(): Promise<(name: string) => string | undefined> {
  // With it come all handlers.
  const kinds = await (await import("../../jobs/registry.ts")).loadKinds();
  return (name) => kinds.get(name)?.queue ?? QUEUES.find((queue) => queue === name);
}

function configOf(stack: string): StackConfig {
  const config = readStackConfig(stack, findFolders().root);
  if (config === undefined) throw new UserError(`There is no Pulumi.${stack}.yaml.`, EXIT.usage);
  return config;
}

/** What the program would refuse is refused here with its words. */
function faultsOf<T>(plan: () => T): T {
  try {
    return plan();
  } catch (error) {
    const isFault = [StackConfigError, PlanError, ConnectionBudgetError].some((fault) => error instanceof fault);
    throw isFault && error instanceof Error ? new UserError(error.message, EXIT.usage) : error;
  }
}
