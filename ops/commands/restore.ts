import type { Losses } from "../../backup/losses.ts";
import { EXIT } from "../../backup/protocol.ts";
import { UserError } from "../../toolchain/command.ts";
import type { Steps } from "../../toolchain/steps.ts";
import { AgentSteps } from "../agent-steps.ts";
import { goBackOnAws, restoreOnAws } from "../aws-restore.ts";
import { forget } from "../forgetting.ts";
import { generationFor } from "../generations.ts";
import { goBack } from "../going-back.ts";
import { parseMoment, type Moment } from "../moment.ts";
import { restoreParts, type RestoreParts } from "../restore-parts.ts";
import { RestoreRun } from "../restore-run.ts";
import type { NextStep } from "../restore-steps.ts";
import { planText, restoredText } from "../restore-text.ts";
import { runOps, type Asked, type Said } from "../run-ops.ts";
import { StackSwitching } from "../switching.ts";

const OPTIONS = {
  to: { type: "string" },
  yes: { type: "boolean", default: false },
  back: { type: "boolean", default: false },
  forget: { type: "string" },
} as const;
type RestoreAsked = Asked<typeof OPTIONS>;

export function run(): Promise<void> {
  return runOps({
    name: "restore",
    summary:
      "brings the data of a stack back to a moment: into new volumes or claims beside those that serve, checked there, and switched to. Without --yes it says what would change " +
      "and what would be lost, and changes nothing. What served before is kept. A restore that was killed goes on when it is run again.",
    platforms: ["docker", "kubernetes", "aws"],
    options: OPTIONS,
    optionLines: [
      "--to MOMENT    2026-11-29T02:30:00Z, 2026-11-29T03:30:00+01:00, '10m ago', '1h 30m ago', a label of `slipway backups`, latest; default latest",
      "--yes          does it",
      "--back         back to the generation that served before, or with --to GENERATION to another one that is kept",
      "--forget NAME  deletes a generation that is kept, after asking",
    ],
    examples: [
      "./slipway restore --to '10m ago'",
      "./slipway restore --to 2026-11-29T02:30:00Z --yes",
      "./slipway restore --back --yes",
      "./slipway restore --forget first",
    ],
    run: async (asked) => {
      const { back, forget: forgotten, to } = asked.values;
      if (forgotten !== undefined && (back || to !== undefined))
        throw new UserError("--forget goes alone, or with --yes. See: ./slipway restore --help", EXIT.usage);
      const moment = parseMoment(back ? "latest" : (to ?? "latest"), Date.now());
      return asked.platform === "aws" ? onAws(asked, moment) : onOwnPostgres(asked, moment, asked.platform);
    },
  });
}

/** RDS restores there, and the deploy does all else. */
function onAws({ stack, steps, values }: RestoreAsked, moment: Moment): Promise<Said> {
  if (values.forget !== undefined)
    throw new UserError(
      "On AWS a database that is kept is protected by AWS too, and goes by two deploys: docs/aws.md says how.",
      EXIT.usage,
    );
  const args = { stack, switching: new StackSwitching(stack, steps), isYes: values.yes, now: Date.now() };
  if (values.back) return goBackOnAws({ ...args, named: values.to });
  return restoreOnAws({ ...args, moment, losses: (since) => steps.run("Jobs", () => lossesOf(stack, since, steps)) });
}

async function lossesOf(stack: string, since: Date, steps: Steps): Promise<Losses> {
  // With it comes a client.
  const { clusterOf, lossesOnAws } = await import("../aws-drill.ts");
  return lossesOnAws(await clusterOf(stack, steps), since, new AgentSteps(steps));
}

/** Where Postgres is the stack's own. */
async function onOwnPostgres(asked: RestoreAsked, moment: Moment, platform: "docker" | "kubernetes"): Promise<Said> {
  const { stack, steps, values } = asked;
  const parts = await restoreParts(platform, stack, steps);
  const switching = new StackSwitching(stack, steps);
  const { attempts } = parts;
  if (values.forget !== undefined) return forget({ attempts, switching, generation: values.forget, isYes: values.yes });
  if (values.back) return goBack({ stack, attempts, switching, named: values.to, isYes: values.yes });
  return restore(asked, moment, { ...parts, switching });
}

async function restore(
  { stack, values, steps }: RestoreAsked,
  moment: Moment,
  parts: RestoreParts & { readonly switching: StackSwitching },
): Promise<Said> {
  const { attempts, switching } = parts;
  const shown = new AgentSteps(steps);
  const say = (line: string) => {
    steps.say(line);
  };
  const restoring = new RestoreRun({ ...parts, stack, moment, shown, say });
  if (values.yes) {
    const restored = await restoring.run();
    return { code: EXIT.good, result: restored, text: restoredText(restored, stack) };
  }
  const left = await restoring.left();
  const plan = await restoring.plan();
  const generations = switching.generations();
  const generation = generationFor(plan.target, generations);
  const note =
    left === undefined
      ? ""
      : `\nA restore to ${left.attempt.typed} was begun at ${left.attempt.since} and has not come to its end. ${NOTES[noteOf(left.step)]}\n`;
  return {
    code: EXIT.good,
    result: { plan, generation, current: generations.current, kept: generations.kept, left: left?.attempt },
    text: `${planText({ stack, moment, plan, generations, generation, disks: (of) => attempts.disks(of) })}${note}`,
  };
}

/** What --yes would do about a restore that an earlier run has left. */
const NOTES = {
  goesOn: "With --yes this one goes on from there.",
  discarded: "With --yes it is removed first: it never served.",
  inTheWay: "With --yes this one is refused until that one has come to its end, or was taken back.",
} as const;

function noteOf(step: NextStep): keyof typeof NOTES {
  if (typeof step === "object") return "inTheWay";
  return step === "discard" ? "discarded" : "goesOn";
}
