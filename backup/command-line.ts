import { parseArgs } from "node:util";
import { parseTarget, TARGETS, UsageFault, type Target } from "./targets.ts";

/** What a command line asks for. */
export type Command =
  | { readonly is: "serve" | "help" }
  | { readonly is: "list" | "drill" | "bring-back" }
  | { readonly is: "backup"; readonly isFull: boolean }
  | { readonly is: "verify"; readonly label: string | undefined }
  | { readonly is: "plan" | "restore"; readonly target: Target }
  | { readonly is: "escrow"; readonly step: "export" | "verify" };

/** Every command, and what comes after it. */
const COMMANDS = {
  serve: { after: "", help: "run backups and drills by their schedule, answer health and metrics" },
  backup: { after: "[--full]", help: "make a backup; one at a time" },
  list: { after: "", help: "list backups, whether the key is kept elsewhere, and how far the archive is" },
  verify: { after: "[LABEL]", help: "read and check everything, or one backup" },
  plan: { after: "--to TARGET", help: "say what a restore would reach and lose; changes nothing" },
  restore: { after: "--to TARGET", help: "restore into POSTGRES_DATA_DIR, which must be empty" },
  "bring-back": { after: "", help: "bring artifacts back into OBJECTS_URL that a restore missed there" },
  drill: { after: "", help: "restore the newest state in a folder of its own, measure it, remove it" },
  escrow: {
    after: "export|verify",
    help: 'export or verify the key; standard input: {"passphrase": ..., "sealed": ...}',
  },
} as const;

type Name = keyof typeof COMMANDS;

/**
 * Reads a command line.
 *
 * @throws UsageFault saying what was got and what is allowed
 */
export function readCommandLine(args: readonly string[]): Command {
  const [name = "serve", ...rest] = args;
  if (name === "--help" || name === "help") return { is: "help" };
  if (!isName(name)) throw new UsageFault(`got ${JSON.stringify(name)}; allowed: ${Object.keys(COMMANDS).join(", ")}`);
  const { values, positionals } = readRest(name, rest);
  const most = name === "verify" || name === "escrow" ? 1 : 0;
  if (positionals.length > most)
    throw new UsageFault(`${name}: got the argument ${JSON.stringify(positionals[most])}; allowed: ${usageOf(name)}`);
  switch (name) {
    case "backup":
      return { is: name, isFull: values.full === true };
    case "verify":
      return { is: name, label: labelOf(positionals[0]) };
    case "plan":
    case "restore":
      if (values.to === undefined) throw new UsageFault(`${name}: got no --to; allowed: --to ${TARGETS}`);
      return { is: name, target: parseTarget(values.to) };
    case "escrow":
      return { is: name, step: stepOf(positionals[0]) };
    case "serve":
    case "list":
    case "drill":
    case "bring-back":
      return { is: name };
  }
}

const OPTIONS = { to: { type: "string" }, full: { type: "boolean" } } as const;

function readRest(name: Name, rest: string[]) {
  let parsed;
  try {
    parsed = parseArgs({ args: rest, options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    const said = error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error);
    throw new UsageFault(`${name}: ${said}; allowed: ${usageOf(name)}`);
  }
  for (const option of Object.keys(parsed.values))
    if (!COMMANDS[name].after.includes(`--${option}`))
      throw new UsageFault(`${name}: got --${option}; allowed: ${usageOf(name)}`);
  return parsed;
}

function labelOf(label: string | undefined): string | undefined {
  if (label === undefined) return undefined;
  const target = parseTarget(label);
  if (target.is !== "label")
    throw new UsageFault(`verify: got ${JSON.stringify(label)}; allowed: a backup's label, or nothing`);
  return target.label;
}

function stepOf(step: string | undefined): "export" | "verify" {
  if (step === "export" || step === "verify") return step;
  throw new UsageFault(`escrow: got ${step === undefined ? "nothing" : JSON.stringify(step)}; allowed: export, verify`);
}

function isName(name: string): name is Name {
  return Object.hasOwn(COMMANDS, name);
}

function usageOf(name: Name): string {
  return `${name} ${COMMANDS[name].after}`.trim();
}

/** The text of `--help`. */
export function helpText(): string {
  const rows = Object.entries(COMMANDS).map(
    ([name, { after, help }]) => `  ${`${name} ${after}`.padEnd(22)}  ${help}\n`,
  );
  return `Usage: backup <command>

${rows.join("")}
TARGET is ${TARGETS}.
Settings come from the environment, and secrets from files below SECRETS_DIR. Answers are lines of JSON.

Exit: 0 good, 1 failed, 2 wrong command line, 3 something is not good, 75 another one is running, 78 wrong configuration.
`;
}
