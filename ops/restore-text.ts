import type { BroughtBack, RestorePlan } from "../backup/protocol.ts";
import { shellQuote } from "../toolchain/env.ts";
import { ARTIFACTS, restoreFacts } from "./commands/drill.ts";
import type { Generations } from "./generations.ts";
import type { Moment } from "./moment.ts";
import { counted, formatBytes, formatSpan, formatTime } from "./quantities.ts";
import { stackOption, type Restored } from "./restore-run.ts";
import { facts } from "./table.ts";
import { namesOf, startedAnew, type Disks } from "./volumes.ts";

export interface PlannedRestore {
  readonly stack: string;
  readonly moment: Moment;
  readonly plan: RestorePlan;
  readonly generations: Generations;
  /** The one that it would make. */
  readonly generation: string;
  readonly disks: (generation: string) => Disks;
}

/** What a restore would do, for whoever has to decide. */
export function planText({ stack, moment, plan, generations, generation, disks }: PlannedRestore): string {
  const target = formatTime(plan.target);
  // What is relative would mean another moment when it is typed again.
  const to = moment.isFixed || moment.to === "latest" ? moment.typed : target;
  return (
    `\nA restore of ${stack} to ${target} would\n\n` +
    facts([
      ["begin with", plan.label],
      ["go back", `${formatSpan(plan.lostSeconds)}: nothing that was written since is in it`],
      ["lose", `${counted(plan.jobsLost, "job")} accepted since, and what is accepted until the switch`],
      ["do again", `${counted(plan.jobsAgain, "job")} that ended since, and every job that was not finished then`],
      ["fill", `${namesOf(disks(generation))}, ${formatBytes(plan.databaseBytes)}`],
      ["switch", `${startedAnew(disks(generation))} there, by pulumi up; until then everything serves as before`],
      ["keep", `${namesOf(disks(generations.current))}, as the generation ${generations.current}`],
    ]) +
    `\nNothing was changed. To do it: ./slipway restore --to ${shellQuote(to)} --yes${stackOption(stack)}\n`
  );
}

/** What a restore has done. */
export function restoredText(
  { generation, before, volume, volumeBefore, plan, result, broughtBack }: Restored,
  stack: string,
): string {
  return (
    `\n${facts([
      ["Serves", `${volume}, the generation ${generation}`],
      ["Kept", `${volumeBefore}, the generation ${before}`],
      ...(plan === undefined
        ? []
        : [
            [
              "Lost",
              `${formatSpan(plan.lostSeconds)}, ${counted(plan.jobsLost, "job")}, and what came until the switch`,
            ] as const,
          ]),
      ...(result === undefined ? [] : restoreFacts(result).filter(([name]) => name !== ARTIFACTS)),
      ...(broughtBack === undefined ? [] : [[ARTIFACTS, broughtBackText(broughtBack)] as const]),
    ])}` +
    `\nEvery job that was not finished at that moment is done again by itself.\n` +
    `Back to what was before: ./slipway restore --back --yes${stackOption(stack)}\n` +
    `Away with it, once nobody needs it: ./slipway restore --forget ${before}${stackOption(stack)}\n`
  );
}

/** What came back of artifacts that were gone from the store. */
export function broughtBackText({ artifacts, bytes, missing }: BroughtBack): string {
  if (artifacts + missing === 0) return "all there";
  const back = `brought back ${counted(artifacts, "artifact")}, ${formatBytes(bytes)}`;
  return missing === 0 ? back : `${back}; ${missing} ${missing === 1 ? "is" : "are"} in no backup`;
}
