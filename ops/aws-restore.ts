import { messageOf } from "../configs/message.ts";
import type { Losses } from "../backup/losses.ts";
import { EXIT } from "../backup/protocol.ts";
import { shellQuote } from "../toolchain/env.ts";
import { UserError } from "../toolchain/command.ts";
import type { RouteResult } from "../toolchain/smoke.ts";
import {
  databaseBefore,
  databaseNames,
  momentInFile,
  planDatabase,
  serve,
  type AwsDatabases,
  type PlannedDatabase,
} from "./aws-databases.ts";
import type { Change } from "./generations.ts";
import { isLabel, type Moment } from "./moment.ts";
import { counted, formatSpan, formatTime } from "./quantities.ts";
import { stackOption } from "./restore-run.ts";
import type { Said } from "./run-ops.ts";
import { facts } from "./table.ts";

/** What a restore on AWS works by: the stack's file, and deploys. */
export interface AwsSwitching {
  /** What the stack's file says. */
  databases(): AwsDatabases;
  change(change: Change): Promise<void>;
  /** Takes a value out of the stack's file. */
  unset(path: string): Promise<void>;
  /**
   * Deploys what the file says, waits until the API answers, and asks every route.
   *
   * @throws UserError where it cannot, or a route does not answer as it must
   */
  deploy(): Promise<readonly RouteResult[]>;
  /** Names of the databases that the stack has on AWS, whatever the file says. */
  made(): Promise<readonly string[]>;
  /** The database that the last deploy came to its end with; nothing where there was none. */
  deployed(): Promise<string | undefined>;
}

export interface AwsRestoreArgs {
  readonly stack: string;
  readonly switching: AwsSwitching;
  readonly isYes: boolean;
  /** Milliseconds. */
  readonly now: number;
}

export interface AwsRestoreToArgs extends AwsRestoreArgs {
  readonly moment: Moment;
  /**
   * Jobs that are in the database that serves and would not be in the restored one.
   *
   * @throws UserError where they cannot be counted
   */
  readonly losses: (moment: Date) => Promise<Losses>;
}

/**
 * Restores Postgres to a moment as RDS does it: an instance beside the one that serves, made by one deploy, and served by the next, which makes
 * its roles and asks its level before any pod goes there. Killed at any moment and run again, it goes on: the file says how far it came.
 *
 * @throws UserError where RDS or the deploy refuse; what served still serves
 */
export async function restoreOnAws(args: AwsRestoreToArgs): Promise<Said> {
  const { moment, switching, isYes, now } = args;
  const databases = switching.databases();
  if (isLabel(moment.to))
    throw new UserError(
      `--to is ${moment.to}, a label. On AWS backups have none: name a time, or latest. See: ./slipway restore --help`,
      EXIT.usage,
    );
  const planned = planDatabase(databases, moment.to, now);
  if (!isYes) return plan(args, planned);
  const switched = await halfSwitched(args);
  if (switched !== undefined) return done(args, switched);
  if (planned.change !== undefined) await switching.change(planned.change);
  if (!(await switching.made()).includes(planned.name)) await make(args, planned);
  await switching.change(serve(planned.name));
  return done(args, databases.serving);
}

/**
 * Whether the file names a database that the last deploy did not come to: this restore's, which goes on, or another's.
 *
 * @returns the one that served before
 * @throws UserError where it is another's
 */
async function halfSwitched({ stack, switching, moment }: AwsRestoreToArgs) {
  const { serving, restored } = switching.databases();
  const deployed = await switching.deployed();
  if (deployed === undefined || deployed === serving) return undefined;
  const to = restored.find(({ name }) => name === serving)?.to;
  if (to === momentInFile(moment.to)) return deployed;
  const again = `${to === undefined ? `--back --to ${serving}` : `--to ${to}`} --yes${stackOption(stack)}`;
  throw new UserError(
    `A switch from ${deployed} to ${serving} has not come to its end. Say which one serves:\n` +
      `  ./slipway restore ${again}\n  ./slipway restore --back --to ${deployed} --yes${stackOption(stack)}`,
    EXIT.busy,
  );
}

/** Deploys what the file says. @param before the database that served */
async function done({ stack, switching }: AwsRestoreArgs, before: string): Promise<Said> {
  const routes = await switching.deploy();
  const { serving } = switching.databases();
  const kept = databaseNames(switching.databases()).filter((name) => name !== serving);
  return { code: EXIT.good, result: { serves: serving, kept, routes }, text: doneText(stack, serving, before) };
}

/** A moment that RDS cannot restore is refused by RDS: the file is put back, so that no later deploy asks for it again. */
async function make({ switching, stack }: AwsRestoreArgs, { name, path }: PlannedDatabase): Promise<void> {
  try {
    await switching.deploy();
  } catch (error) {
    if ((await switching.made()).includes(name)) throw error;
    await switching.unset(path);
    const said = messageOf(error);
    throw new UserError(
      `${said}\n\nThe database ${name} was not made; Pulumi.${stack}.yaml is as it was, and what served still serves.`,
    );
  }
}

/**
 * Switches to a database that is kept.
 *
 * @param named the one that is asked for @default the one that the serving one was made of
 * @throws UserError where there is no such one
 */
export async function goBackOnAws(args: AwsRestoreArgs & { readonly named: string | undefined }): Promise<Said> {
  const { stack, switching, named, isYes } = args;
  const { serving } = switching.databases();
  const name = databaseBefore(switching.databases(), named);
  if (!isYes)
    return {
      code: EXIT.good,
      result: { from: serving, to: name },
      text:
        `\nGoing back to the database ${name} would\n\n` +
        facts([
          ["serve", name],
          ["keep", `${serving}: what was written there since is there alone`],
          ["switch", "pods go there by a rolling release, by pulumi up"],
        ]) +
        `\nNothing was changed. To do it: ./slipway restore --back --to ${name} --yes${stackOption(stack)}\n`,
    };
  if (name !== serving) await switching.change(serve(name));
  return done(args, serving);
}

/** RDS has what is older than this, in seconds. */
const LATEST_IS_BEHIND = 300;

async function plan(args: AwsRestoreToArgs, planned: PlannedDatabase): Promise<Said> {
  const { moment, switching, losses, now } = args;
  const isLatest = moment.to === "latest";
  const lostSeconds = isLatest ? LATEST_IS_BEHIND : (now - Date.parse(moment.to)) / 1000;
  const found = await losses(new Date(now - lostSeconds * 1000)).catch(messageOf);
  const { serving } = switching.databases();
  const isBegun = planned.change === undefined;
  const known = typeof found === "string" ? {} : found;
  return {
    code: EXIT.good,
    result: { database: planned.name, from: serving, to: moment.to, isBegun, lostSeconds, ...known },
    text: planText(args, planned, { lostSeconds, found }),
  };
}

interface Lost {
  readonly lostSeconds: number;
  /** Or why they could not be counted. */
  readonly found: Losses | string;
}

function planText({ stack, switching, moment }: AwsRestoreToArgs, planned: PlannedDatabase, lost: Lost): string {
  const { serving } = switching.databases();
  const isLatest = moment.to === "latest";
  const target = isLatest ? "the latest moment that RDS has" : formatTime(moment.to);
  const upTo = isLatest ? "up to " : "";
  return (
    `\nA restore of ${stack} to ${target} would\n\n` +
    facts([
      [
        "make",
        `the database ${planned.name}, of ${serving}${planned.change === undefined ? "; it was begun, and goes on" : ""}`,
      ],
      ["go back", `${upTo}${formatSpan(lost.lostSeconds)}: nothing that was written since is in it`],
      ...lossFacts(lost, upTo, serving),
      ["take", "as long as RDS takes, often more than half an hour; until then everything serves as before"],
      ["switch", "pods go there by a rolling release, by pulumi up, after its roles are made and its level is asked"],
      ["keep", `${serving}, protected and backed up`],
    ]) +
    `\nNothing was changed. To do it: ./slipway restore --to ${shellQuote(isLatest ? "latest" : moment.isFixed ? moment.typed : target)} --yes${stackOption(stack)}\n`
  );
}

/** What is lost is in the database of before alone. */
function lossFacts({ found }: Lost, upTo: string, serving: string): [string, string][] {
  if (typeof found === "string")
    return [
      ["lose", `jobs accepted since, which are in ${serving} alone, and what is accepted until the switch`],
      ["", `They could not be counted. ${found}`],
      ["do again", "every job that was not finished at that moment, or ended since"],
    ];
  const { jobsLost, jobsAgain } = found;
  return [
    ["lose", `${upTo}${counted(jobsLost, "job")} accepted since, and what is accepted until the switch`],
    ["do again", `${upTo}${counted(jobsAgain, "job")} that ended since, and every job that was not finished then`],
  ];
}

function doneText(stack: string, name: string, before: string): string {
  return `\n${facts([
    ["Serves", name],
    ["Kept", before],
  ])}\nBack: ./slipway restore --back --to ${before} --yes${stackOption(stack)}. Away with what is kept: docs/aws.md.\n`;
}
