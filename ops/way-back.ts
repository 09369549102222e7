import {
  releaseThatServes,
  type DeploymentRecord,
  type ReleaseImages,
} from "../toolchain/deployment/deployments-log.ts";
import type { WayBack } from "../toolchain/deployment/going-back.ts";
import { entryApis, type Copy, type Running } from "../toolchain/deployment/truth.ts";
import { barriers, type Applied, type Barrier } from "./release-choice.ts";
import { stackOption } from "./restore-run.ts";

export interface WayBackArgs {
  readonly stack: string;
  /** Which release was to run: the checkout's, one of before, or the one that serves, with other settings. */
  readonly which: "checkout" | "before" | "same";
  /** Whether the release before is to come back by itself at all. */
  readonly isWanted: boolean;
  readonly records: readonly DeploymentRecord[];
  /** What served before the deploy; nothing where nothing did. */
  readonly before: ReleaseImages | undefined;
  /** Whether the new release had all requests already; else the one before serves yet. */
  readonly hasTakenOver: boolean;
  /** What runs of the release that was found bad, and maybe of the one before. */
  readonly running: Running;
  /** Those of the checkout. */
  readonly migrations: readonly Applied[];
}

/**
 * What a release that was found bad is gone back from to, without anybody: the one that served right before it. It has worked behind all that
 * the database had gone through by then, so that only what this deploy brought can stand in the way.
 */
export function chooseWayBack({ stack, which, isWanted, records, before, ...args }: WayBackArgs): WayBack {
  const none = (why: string): WayBack => ({ kind: "none", why });
  if (before === undefined) return none("nothing served before it");
  if (which === "same") return none("it runs from the images that served before; undo the settings, and deploy again");
  // After a deploy that was killed workers of both releases may run.
  const target = releaseThatServes(records, before) ?? releaseThatServes(records, { ...before, worker: "none" });
  if (target === undefined) return none("no deployment on record made what served before it");
  const { version, number, images, schemaNeeds } = target;
  const byHand = `By hand: ./slipway rollback ${number} --yes${stackOption(stack)}`;
  const brought = which === "checkout" ? args.migrations : [];
  const [barrier] = barriers(brought, schemaNeeds).filter(({ phase }) => phase === "incompatible");
  const isNew = (image: string) => image !== images.api && image !== images.worker;
  if (!imagesIn(args.running).some(isNew)) return none(sameImages(version, args.hasTakenOver, barrier));
  if (!args.hasTakenOver && hasComeUp(args.running, isNew))
    return none(`all of its API came up and serves, so that something else failed; deploy again. ${byHand}`);
  if (!isWanted) return none(`--no-rollback was given. ${byHand}`);
  if (barrier === undefined) return { kind: "to", version, images };
  return none(`${version} cannot work behind ${barrier.file}, which is incompatible. ${byHand} says what is left`);
}

/** What runs, and what a platform would run next. */
function imagesIn({ copies, templates = {} }: Running): readonly string[] {
  return [...copies.map(({ image }) => image), ...Object.values(templates)];
}

function sameImages(version: string, hasTakenOver: boolean, barrier: Barrier | undefined): string {
  if (hasTakenOver) return `${version} served before it from the same images; undo the settings, and deploy again`;
  const behind = barrier && `, unless ${barrier.file} has run: it cannot work behind that, so mend this one`;
  return `nothing of another release runs, and ${version} serves on${behind ?? "; where settings are at fault, undo them"}`;
}

const isReady = ({ state }: Copy) => state === "ready";

/** Whether everything that gets requests is of the new release, and ready. */
function hasComeUp(running: Running, isNew: (image: string) => boolean): boolean {
  const apis = entryApis(running);
  const news = running.copies.filter(({ image }) => isNew(image));
  return (
    (running.faults ?? []).length === 0 &&
    apis.length > 0 &&
    apis.every((api) => news.includes(api)) &&
    news.every(isReady)
  );
}
