import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { UserError } from "../command.ts";
import type { Report } from "../steps.ts";
import { releaseOf, type DeploymentRecord, type ReleaseImages } from "./deployments-log.ts";

/** What the program asked for, by service; `stacks/*.ts` puts it out as `asked`. */
export const askedSchema = z.record(
  z.string(),
  z.object({
    image: z.string(),
    /** Name of what runs: of its containers on an engine, of its pods' template in a cluster. */
    release: z.string(),
    /** Absent where an autoscaler decides. */
    replicas: z.int().optional(),
  }),
);
export type Asked = z.infer<typeof askedSchema>;

/** A container or pod of a service. */
export interface Copy {
  readonly service: string;
  readonly name: string;
  /** What it runs from, as the platform itself tells. */
  readonly image: string;
  /** Of an engine's containers. */
  readonly release?: string;
  /** `starting` may become ready by itself. */
  readonly state: "ready" | "starting" | "failing";
  /** Of one that is not ready. */
  readonly reason?: string;
}

/** What a platform has running at one moment. */
export interface Running {
  readonly copies: readonly Copy[];
  /** The release that the public's requests go to, where the edge says so. */
  readonly entry?: string;
  /** How many copies there are to be, where the platform itself decides. */
  readonly wanted?: Readonly<Record<string, number>>;
  /** What new copies would run from, by service, where the platform has a template of them. */
  readonly templates?: Readonly<Record<string, string>>;
  /** What the platform says of services as a whole: that it gave a rollout up. */
  readonly faults?: readonly string[];
}

/** Everything in which what runs is not what was asked for. */
export function compare(asked: Asked, running: Running): string[] {
  const services = Object.entries(asked).flatMap(([service, want]) => [
    ...templateOf(service, want, running),
    ...copiesOf(service, want, running),
    ...countOf(service, want, running),
  ]);
  const api = asked["api"]?.release;
  const entry =
    running.entry === undefined || api === undefined || running.entry === api
      ? []
      : [`api: requests go to ${running.entry}, asked for ${api}`];
  return [...(running.faults ?? []), ...services, ...entry];
}

type Wanted = Asked[string];

function copiesOf(service: string, want: Wanted, { copies }: Running): string[] {
  return copies
    .filter((copy) => copy.service === service)
    .flatMap(({ name, image, release, state, reason = state }) => {
      if (image !== want.image) return [`${service}: ${name} runs ${short(image)}, asked for ${short(want.image)}`];
      if (release !== undefined && release !== want.release)
        return [`${service}: ${name} belongs to ${release}, asked for ${want.release}`];
      return state === "ready" ? [] : [`${service}: ${name} is not ready: ${reason}`];
    });
}

/** Of a service that an autoscaler has taken to none, the template alone says what it is. */
function templateOf(service: string, want: Wanted, { templates }: Running): string[] {
  if (templates === undefined) return [];
  const image = templates[service];
  if (image === undefined) return [`${service}: there is no Deployment of that name`];
  return image === want.image
    ? []
    : [`${service}: its Deployment names ${short(image)}, asked for ${short(want.image)}`];
}

function countOf(service: string, want: Wanted, { copies, wanted }: Running): string[] {
  const most = wanted?.[service] ?? want.replicas;
  if (most === undefined) return [];
  const there = copies.filter((copy) => copy.service === service && copy.state === "ready").length;
  return there === most ? [] : [`${service}: ${there} ready, asked for ${most}`];
}

/** Twelve digits tell two contents apart; names and tags stay whole. */
export function short(image: string): string {
  return image.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/, "$1");
}

export interface TruthArgs {
  readonly asked: Asked;
  readonly look: () => Promise<Running>;
  /** Seconds that a copy may take to come back that has just ended. */
  readonly patienceSeconds: number;
  readonly report: Report;
}

const LOOK_EVERY_MS = 1000;

/** Seconds that a container or pod may take to come back that has just ended. */
export const PATIENCE_SECONDS = 60;

/** What was seen in the end, and every difference that stayed. */
export interface Settled {
  readonly running: Running;
  readonly faults: readonly string[];
}

/** Looks until what runs is what was asked for, or nothing of it would become so by itself. */
export async function settle({ asked, look, patienceSeconds, report }: TruthArgs): Promise<Settled> {
  const until = performance.now() + patienceSeconds * 1000;
  for (;;) {
    const running = await look();
    const faults = compare(asked, running);
    if (faults.length === 0) return { running, faults };
    report(faults[0] ?? "");
    const mayMend = running.copies.some(({ state }) => state === "starting");
    if (performance.now() > until || !mayMend) return { running, faults };
    await sleep(LOOK_EVERY_MS);
  }
}

/**
 * Looks until what runs is what was asked for.
 *
 * @throws UserError listing every difference that stays
 */
export async function untilTrue(args: TruthArgs): Promise<Running> {
  const { running, faults } = await settle(args);
  if (faults.length === 0) return running;
  throw new UserError(`What runs is not what was asked for:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
}

/** Services that have to be seen to know which release serves. */
export const RELEASE_SERVICES = ["api", "worker-cpu", "worker-gpu"] as const;

/** What API and workers that serve run from; nothing where no API does. */
export function servingImages(running: Running): ReleaseImages | undefined {
  const api = servingApi(running);
  // Of workers that an autoscaler has taken away, nothing runs.
  const worker = running.copies.find(({ service, state }) => state === "ready" && service.startsWith("worker-"));
  return api && { api: api.image, worker: worker?.image ?? "none" };
}

/** A copy of the API that gets requests. */
export function servingApi(running: Running): Copy | undefined {
  return entryApis(running).find(({ state }) => state === "ready");
}

/** Copies of the API that requests go to once they are ready. */
export function entryApis({ copies, entry }: Running): readonly Copy[] {
  return copies.filter(
    ({ service, release }) => service === "api" && (entry === undefined || release === undefined || release === entry),
  );
}

/** The version that serves, for people: by the log, else by its image. */
export function servingVersion(records: readonly DeploymentRecord[], running: Running): string | undefined {
  const images = servingImages(running);
  if (images === undefined) return undefined;
  const byWorkerToo = releaseOf(records, images);
  const known = byWorkerToo ?? records.findLast((one) => one.outcome === "succeeded" && one.images?.api === images.api);
  return known?.version ?? `an API of ${short(images.api)}, which no deployment of this log made`;
}
