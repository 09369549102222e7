import { messageOf } from "../../configs/message.ts";
import { CommandError, UserError, wasInterrupted } from "../command.ts";
import { StackLocked } from "../lock.ts";
import type { Stack } from "../stack.ts";
import type { Report, Steps } from "../steps.ts";
import type { ReleaseImages } from "./deployments-log.ts";
import { pin } from "./pinned.ts";
import { PATIENCE_SECONDS, untilTrue, type Asked, type Running } from "./truth.ts";
import type { Underway } from "./underway.ts";
import { changes, update } from "./update.ts";

/** Whether a deploy that was found bad can be undone by the images of the release before, and why not. */
export type WayBack =
  | { readonly kind: "to"; readonly version: string; readonly images: ReleaseImages }
  | { readonly kind: "none"; readonly why: string };

export interface GoingBack {
  readonly stack: string;
  readonly wayBack: () => Promise<WayBack>;
  readonly bringBack: (images: ReleaseImages) => Promise<void>;
}

/**
 * Brings the release before back over one that was found bad.
 *
 * @param fault what is wrong with the release; a command of ours that failed says nothing of it, and an interrupted deploy is gone on with
 * @returns the fault, with what became of it
 */
export async function goBack(fault: unknown, { stack, ...args }: GoingBack): Promise<unknown> {
  if (!(fault instanceof UserError) || fault instanceof CommandError || wasInterrupted()) return fault;
  // What runs by now may be what the other one deploys.
  if (fault instanceof StackLocked) return fault;
  const way = await args.wayBack().catch(unknownWay);
  if (way.kind === "none") return also(fault, `It stays as it is: ${way.why}.`);
  try {
    await args.bringBack(way.images);
  } catch (error) {
    // Not a deploy: it would bring the bad release again.
    if (wasInterrupted())
      return also(fault, `Interrupted while going back to ${way.version}; make up STACK=${stack} goes on with that.`);
    const why = messageOf(error);
    return also(fault, `Going back to ${way.version} by itself failed too: ${why}`);
  }
  return also(
    fault,
    `Gone back to ${way.version} by itself; Pulumi.${stack}.yaml names it until the next ./slipway deploy.`,
  );
}

/** The fault of the release must not be hidden by one of the look at what runs. */
function unknownWay(error: unknown): WayBack {
  const why = messageOf(error);
  return { kind: "none", why: `whether the release before may come back could not be told: ${why}` };
}

export interface BringingBack {
  readonly deploy: Underway;
  readonly steps: Steps;
  /** What goes on from there where it is broken off. */
  readonly goesOn: string | undefined;
}

/** A release by its images: in the stack's file, `pulumi up`, and truth. */
export async function bringBack(images: ReleaseImages, { deploy, steps, goesOn }: BringingBack): Promise<void> {
  const { stack, host, entry } = deploy;
  await pin(stack, host.folders, images);
  await entry.step("Back", (report) => update({ stack, host, steps, goesOn, total: undefined }, report), changes);
  await entry.step(
    "Truth of it",
    async (report) => asAsked(deploy, await askedBy(stack), report),
    ({ copies }) => `${copies.length} copies as asked for`,
  );
}

function also(fault: UserError, text: string): UserError {
  return new UserError(`${fault.message}\n\n${text}`, fault.exitCode);
}

/** What the program of the last update asked for. */
export async function askedBy(stack: Stack): Promise<Asked> {
  const { asked } = await stack.outputs();
  if (asked === undefined) throw new Error("stacks/*.ts put out no `asked`.");
  return asked;
}

/**
 * Compares what runs with what the program asked for: a platform may have gone back by itself, and a container may end right after it was
 * healthy.
 *
 * @throws UserError with every difference
 */
export function asAsked({ stack, host }: Underway, asked: Asked, report: Report): Promise<Running> {
  const look = () => host.running(stack, Object.keys(asked));
  return untilTrue({ asked, look, patienceSeconds: PATIENCE_SECONDS, report });
}
