import { EXIT } from "../../backup/protocol.ts";
import { UserError } from "../../toolchain/command.ts";
import { AgentSteps } from "../agent-steps.ts";
import { findAgent, findDocker } from "../agent.ts";
import { Attempts } from "../attempts.ts";
import { goBackOnAws, restoreOnAws } from "../aws-restore.ts";
import { forget } from "../forgetting.ts";
import { generationFor } from "../generations.ts";
import { goBack } from "../going-back.ts";
import { parseMoment, type Moment } from "../moment.ts";
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
      "brings the data of a stack back to a moment: into new volumes beside those that serve, checked there, and switched to. Without --yes it says what would change " +
      "and what would be lost, and changes nothing. What served before is kept. A restore that was killed goes on when it is run again.",
    platforms: ["docker", "aws"],
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
      const { back, forget: forgotten, yes, to } = asked.values;
      if (forgotten !== undefined && (back || to !== undefined))
        throw new UserError("--forget goes alone, or with --yes. See: ./slipway restore --help", EXIT.usage);
      const moment = parseMoment(back ? "latest" : (to ?? "latest"), Date.now());
      if (asked.platform === "aws") return onAws(asked, moment);
      const parts = await partsOf(asked);
      if (forgotten !== undefined) return forget({ ...parts, generation: forgotten, isYes: yes });
      if (back) return goBack({ ...parts, named: to, isYes: yes });
      return restore(asked, moment, parts);
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
  return values.back ? goBackOnAws({ ...args, named: values.to }) : restoreOnAws({ ...args, moment });
}

async function partsOf({ stack, steps }: RestoreAsked) {
  const docker = await findDocker();
  return { stack, docker, attempts: new Attempts(docker, stack), switching: new StackSwitching(stack, steps) };
}

async function restore(
  { values, steps }: RestoreAsked,
  moment: Moment,
  parts: Awaited<ReturnType<typeof partsOf>>,
): Promise<Said> {
  const { stack, docker, attempts, switching } = parts;
  const shown = new AgentSteps(steps);
  const say = (line: string) => {
    steps.say(line);
  };
  const restoring = new RestoreRun({
    stack,
    moment,
    attempts,
    switching,
    shown,
    say,
    findAgent: () => findAgent(docker, stack),
  });
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
    text: `${planText({ stack, moment, plan, generations, generation })}${note}`,
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
