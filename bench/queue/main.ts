/** Queues side by side; see docs/benchmarks.md. */
import { runMain } from "../../toolchain/main.ts";
import { UserError } from "../../toolchain/command.ts";
import { Steps } from "../../toolchain/steps.ts";
import { bundleWithStamp } from "../bundles.ts";
import { bringPeers } from "../install.ts";
import { unlessInterrupted } from "../interrupt.ts";
import { SERVER_SETTINGS, startOurs } from "../ours.ts";
import { PROGRAM_SETTINGS } from "../programs.ts";
import { report, type Figure } from "../report.ts";
import { measureBacklog } from "./backlog.ts";
import type { Context } from "./context.ts";
import { measureEnqueue } from "./enqueue.ts";
import { measureIdle } from "./idle.ts";
import { measureLatency } from "./latency.ts";
import { measureProcessing } from "./processing.ts";
import { measureWipe } from "./wipe.ts";

/** How much each size measures. `smoke` only shows that everything still runs; `quick` is for a look between two changes. */
const SIZES = {
  smoke: {
    ...{ rounds: 1, repeats: 1, seconds: 1, idleSeconds: 2 },
    ...{ fast: 300, slow: 100, enqueued: 100, pending: 500, backlog: 2000 },
  },
  quick: {
    ...{ rounds: 3, repeats: 2, seconds: 5, idleSeconds: 10 },
    ...{ fast: 10_000, slow: 2000, enqueued: 500, pending: 20_000, backlog: 100_000 },
  },
  full: {
    ...{ rounds: 7, repeats: 3, seconds: 20, idleSeconds: 20 },
    ...{ fast: 20_000, slow: 5000, enqueued: 2000, pending: 100_000, backlog: 1_000_000 },
  },
} as const;
type Size = (typeof SIZES)[keyof typeof SIZES];

const PARTS: Readonly<Record<string, (context: Context, size: Size) => Promise<Figure[]>>> = {
  enqueue: (context, { rounds, enqueued }) => measureEnqueue(context, rounds, enqueued),
  processing: (context, { rounds, fast, slow }) => measureProcessing(context, rounds, { fast, slow }),
  latency: (context, { seconds, repeats }) => measureLatency(context, repeats, seconds),
  idle: (context, { idleSeconds }) => measureIdle(context, idleSeconds),
  wipe: (context, { pending, repeats }) => measureWipe(context, pending, repeats),
  backlog: (context, { backlog, rounds }) => measureBacklog(context, backlog, rounds),
};

const USAGE = {
  command: "make bench-queue",
  summary: "Slipway's queue beside BullMQ, pg-boss, graphile-worker and Celery, on the same servers, in turn.",
  options: [
    `ARGS='--only ${Object.keys(PARTS).join(",")}'  parts to measure (default: all)`,
    "ARGS='--size smoke'  a few jobs of everything, half a minute; its figures mean nothing",
    "ARGS='--size quick'  some minutes; default: full, about half an hour",
  ],
  examples: ["make bench-queue", "make bench-queue ARGS='--only processing'", "make bench-queue ARGS='--size smoke'"],
};

await runMain(USAGE, { only: { type: "string" }, size: { type: "string" } }, async ({ values }) => {
  const parts = chosenParts(values.only);
  const size = chosenSize(values.size ?? "full");
  const steps = new Steps();
  const peers = await bringPeers(steps);
  const bundles = await steps.run("Bundles", () => bundleWithStamp());
  const ours = await steps.run("Servers", () => startOurs());
  const figures: Figure[] = [];
  try {
    for (const [name, part] of parts) {
      const paths = { worker: bundles.path("worker"), api: bundles.path("api") };
      figures.push(
        ...(await steps.run(name, (say) => unlessInterrupted(part({ ours, peers, bundles: paths, say }, size)))),
      );
    }
  } finally {
    await ours.close();
    bundles.remove();
    // What was measured before something failed is worth keeping.
    const systems = { ...peers.versions, ...SERVER_SETTINGS, slipway: PROGRAM_SETTINGS, size: values.size ?? "full" };
    report({ benchmark: `queue-${values.size ?? "full"}`, systems, figures });
  }
});

function chosenSize(name: string): Size {
  const size = Object.entries(SIZES).find(([known]) => known === name)?.[1];
  if (!size) throw new UserError(`--size is ${name}, must be one of ${Object.keys(SIZES).join(", ")}.`);
  return size;
}

function chosenParts(only: string | undefined) {
  const all = Object.entries(PARTS);
  if (only === undefined) return all;
  const wanted = only.split(",");
  const unknown = wanted.filter((name) => !(name in PARTS));
  if (unknown.length > 0)
    throw new UserError(`--only names ${unknown.join(", ")}, must be of ${Object.keys(PARTS).join(", ")}.`);
  return all.filter(([name]) => wanted.includes(name));
}
