import type { ListResult } from "../../backup/protocol.ts";
import { EXIT } from "../../backup/protocol.ts";
import { listSchema } from "../agent-messages.ts";
import { askAgent } from "../asking.ts";
import { shortName } from "../log-line.ts";
import { formatSpan, formatTime } from "../quantities.ts";
import { runOps, type Said } from "../run-ops.ts";
import { openSight } from "../sight/open-sight.ts";
import type { Seen } from "../sight/sight.ts";
import { facts, table, type Column } from "../table.ts";

/** A service of a stack, as it stands. */
export interface ServiceStatus {
  readonly service: string;
  readonly ready: number;
  readonly wanted: number;
  readonly containers: readonly Seen[];
}

/** What runs of a stack. */
export interface Status {
  readonly url: string;
  readonly dataGeneration: string;
  readonly services: readonly ServiceStatus[];
  /** `undefined` where the stack has no agent that answers. */
  readonly backups: ListResult | undefined;
  /** Containers that work on a GPU. */
  readonly gpuWorkers: number;
}

export function run(): Promise<void> {
  return runOps({
    name: "status",
    platforms: ["docker", "kubernetes", "aws"],
    summary: `what runs of a stack, since when, and how much of it is ready. Ends with ${EXIT.notGood} where something is not.`,
    options: {},
    optionLines: [],
    examples: ["./slipway status", "./slipway status --stack prod --json | jq .result.services"],
    run: async ({ stack, platform, steps }) => {
      const { sight, outputs } = await openSight(stack, platform, steps);
      const [containers, wanted, backups] = await Promise.all([
        sight.containers(),
        sight.wanted(),
        // RDS backs itself up.
        platform === "aws" ? undefined : askBackups(stack, steps),
      ]);
      const services = servicesOf(containers, wanted);
      const gpuWorkers = services.find(({ service }) => service === "worker-gpu")?.ready ?? 0;
      const dataGeneration = typeof outputs["dataGeneration"] === "string" ? outputs["dataGeneration"] : "first";
      return said(stack, { url: outputs.url, dataGeneration, services, backups, gpuWorkers });
    },
  });
}

/** The agent's list; nothing where there is no agent, or it does not answer: the rest of the status is worth seeing then most of all. */
async function askBackups(
  stack: string,
  steps: Parameters<typeof askAgent>[0]["steps"],
): Promise<ListResult | undefined> {
  const asked = askAgent({ stack, steps, words: ["list"], schema: listSchema });
  return asked.then(
    ({ result }) => result,
    () => undefined,
  );
}

/** Services with their containers; those of which there is none are named too. */
export function servicesOf(
  containers: readonly Seen[],
  wanted: Readonly<Record<string, number>>,
): readonly ServiceStatus[] {
  const names = new Set([...Object.keys(wanted), ...containers.map(({ service }) => service)]);
  return [...names].sort().map((service) => {
    const own = containers.filter((one) => one.service === service);
    const ready = own.filter(({ standing }) => standing === "ready").length;
    return { service, ready, wanted: wanted[service] ?? own.length, containers: own };
  });
}

function said(stack: string, status: Status): Said {
  const isWhole = status.services.every(({ ready, wanted }) => ready >= wanted);
  return { code: isWhole ? EXIT.good : EXIT.notGood, result: status, text: statusText(stack, status, new Date()) };
}

export function statusText(
  stack: string,
  { url, dataGeneration, services, backups, gpuWorkers }: Status,
  now: Date,
): string {
  const columns: readonly Column<ServiceStatus>[] = [
    { head: "SERVICE", cell: ({ service }) => service },
    { head: "READY", cell: ({ ready, wanted }) => `${ready}/${wanted}`, align: "right" },
    { head: "FOR", cell: ({ containers }) => ageOf(containers, now), align: "right" },
    { head: "RESTARTS", cell: ({ containers }) => String(sum(containers)), align: "right" },
    { head: "IMAGE", cell: ({ containers }) => shortImages(containers) },
    { head: "STATE", cell: ({ containers }) => stateOf(containers, stack) },
  ];
  const lines: [string, string][] = [
    ["API", url],
    ["data", `generation ${dataGeneration}`],
    ["backup", backupLine(backups, now)],
    ["GPU", gpuWorkers === 0 ? "no worker on one" : `${gpuWorkers} worker${gpuWorkers === 1 ? "" : "s"} on one`],
  ];
  return `${table(columns, services)}\n${facts(lines)}`;
}

const sum = (containers: readonly Seen[]) => containers.reduce((total, { restarts }) => total + restarts, 0);

/** Since when all of them run: the youngest of them says. */
function ageOf(containers: readonly Seen[], now: Date): string {
  const starts = containers.flatMap(({ since }) => (since === undefined ? [] : [Date.parse(since)]));
  return starts.length === 0 ? "" : formatSpan(Math.max(0, (now.getTime() - Math.max(...starts)) / 1000));
}

function shortImages(containers: readonly Seen[]): string {
  const images = containers.map(({ image }) => /sha256:([0-9a-f]{12})/.exec(image)?.[1] ?? image);
  return [...new Set(images)].join(", ");
}

function stateOf(containers: readonly Seen[], stack: string): string {
  const faults = containers.filter(({ standing }) => standing !== "ready");
  if (faults.length === 0) return containers.length === 0 ? "none runs" : "ready";
  return faults
    .map(
      ({ name, standing, reason }) =>
        `${shortName(name, stack)} ${standing}${reason === undefined ? "" : `: ${reason.split("\n")[0] ?? ""}`}`,
    )
    .join("; ");
}

function backupLine(list: ListResult | undefined, now: Date): string {
  if (list === undefined) return "no agent answers";
  const last = list.backups.at(-1);
  if (last === undefined) return "none yet";
  const age = formatSpan((now.getTime() - Date.parse(last.endedAt)) / 1000);
  return `${last.label}, ${age} ago (${formatTime(last.endedAt)})${list.key.isEscrowed ? "" : "; its key is kept nowhere else"}`;
}
