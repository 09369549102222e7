import {
  releaseThatServes,
  type DeploymentRecord,
  type ReleaseImages,
} from "../toolchain/deployment/deployments-log.ts";
import type { WayBack } from "../toolchain/deployment/going-back.ts";
import type { Running } from "../toolchain/deployment/truth.ts";
import type { DeployingArgs } from "./deploying.ts";
import { barriers, type Applied } from "./release-choice.ts";
import { stackOption } from "./restore-run.ts";

export interface WayBackArgs extends Pick<DeployingArgs, "stack" | "which"> {
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
  const target = releaseThatServes(records, before);
  if (target === undefined) return none("no deployment on record made what served before it");
  const { version, number, images, schemaNeeds } = target;
  const byHand = `By hand: ./slipway rollback ${number} --yes${stackOption(stack)}`;
  if (!args.running.copies.some(({ image }) => image !== images.api && image !== images.worker))
    return none(
      args.hasTakenOver
        ? `${version} served before it from the same images; undo the settings, and deploy again`
        : `nothing of the new release runs, and ${version} serves on`,
    );
  if (!isWanted) return none(`--no-rollback was given. ${byHand}`);
  const brought = which === "checkout" ? args.migrations : [];
  const [barrier] = barriers(brought, schemaNeeds).filter(({ phase }) => phase === "incompatible");
  if (barrier === undefined) return { kind: "to", version, images };
  return none(`${version} cannot work behind ${barrier.file}, which is incompatible. ${byHand} says what is left`);
}
