import { parseArgs } from "node:util";
import { LOG_LEVELS, QUEUES } from "../configs/runtime.ts";
import { KOKORO_DEVICES, POOLS, SPEECH_ENGINE_NAMES } from "../configs/worker-settings.ts";

/** Exit status for a command line that is not as documented. */
export const EXIT_USAGE = 2;

interface Flag {
  /** The setting that it goes before. */
  readonly key: string;
  readonly value: string;
  readonly help: string;
  readonly fallback: string;
}

/** Every flag with a value, and the setting that it goes before. The same checks hold for both. */
export const FLAGS = {
  queues: { key: "WORKER_QUEUES", value: "LIST", help: `of ${QUEUES.join(", ")}, by commas`, fallback: "default" },
  "log-level": {
    key: "LOG_LEVEL",
    value: "LEVEL",
    help: LOG_LEVELS.join(", "),
    fallback: "debug; info where APP_ENV is prod",
  },
  pool: { key: "WORKER_POOL", value: "KIND", help: POOLS.join(", "), fallback: "process" },
  concurrency: { key: "WORKER_CONCURRENCY", value: "N", help: "jobs at once, 1 to 1000", fallback: "4" },
  processes: {
    key: "WORKER_PROCESSES",
    value: "N",
    help: "processes or threads of the pool, 1 to 256",
    fallback: "the CPUs, but at most the concurrency",
  },
  "speech-engine": {
    key: "SPEECH_ENGINE",
    value: "NAME",
    help: SPEECH_ENGINE_NAMES.join(", "),
    fallback: "espeak-ng",
  },
  "kokoro-model-dir": {
    key: "KOKORO_MODEL_DIR",
    value: "FOLDER",
    help: "of model.onnx, tokenizer.json and voices/",
    fallback: "/var/lib/slipway/models/kokoro",
  },
  "kokoro-device": { key: "KOKORO_DEVICE", value: "DEVICE", help: KOKORO_DEVICES.join(", "), fallback: "cpu" },
  gpu: { key: "WORKER_GPU", value: "MAKER", help: "none, nvidia", fallback: "none" },
} as const satisfies Record<string, Flag>;

const SWITCHES = {
  help: "print this and end",
  version: "print the version and end",
  "print-config": "print the resolved configuration, secrets masked, and end",
} as const;

/** What a command line asks for. */
export type Command =
  | {
      readonly is: "run" | "print-config";
      /** Settings by their names, to be laid over the environment. */
      readonly settings: Readonly<Record<string, string>>;
      /** Flag of each of them, for errors. */
      readonly flags: Readonly<Record<string, string>>;
    }
  | { readonly is: "help" | "version" }
  | { readonly is: "wrong"; readonly message: string };

const OPTIONS = {
  ...Object.fromEntries(Object.keys(FLAGS).map((name) => [name, { type: "string" } as const])),
  ...Object.fromEntries(Object.keys(SWITCHES).map((name) => [name, { type: "boolean" } as const])),
};

const ALLOWED = [...Object.keys(FLAGS), ...Object.keys(SWITCHES)].map((name) => `--${name}`).join(", ");

/** Reads a command line; whether its values are allowed is checked with all other settings. */
export function readCommandLine(args: readonly string[]): Command {
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  const settings: Record<string, string> = {};
  const flags: Record<string, string> = {};
  const switches = new Set<string>();
  for (const token of tokens) {
    if (token.kind === "option-terminator") return wrong("got --", "no end of flags: there is nothing after them");
    if (token.kind === "positional")
      return wrong(
        `got the argument ${JSON.stringify(token.value)}`,
        "flags only; a value belongs to one, as in --queues=cpu",
      );
    const { name, rawName, value } = token;
    if (isSwitch(name)) {
      if (value !== undefined) return wrong(`got ${rawName}=${value}`, `${rawName} without a value`);
      switches.add(name);
    } else if (isFlag(name)) {
      if (value === undefined || value === "" || (value.startsWith("-") && !token.inlineValue))
        return wrong(`got ${rawName} without a value`, `${rawName}=${FLAGS[name].value} (${FLAGS[name].help})`);
      const { key } = FLAGS[name];
      if (key in settings) return wrong(`got ${rawName} twice`, "each flag once");
      settings[key] = value;
      flags[key] = rawName;
    } else return wrong(`got ${rawName}`, ALLOWED);
  }
  if (switches.has("help")) return { is: "help" };
  if (switches.has("version")) return { is: "version" };
  return { is: switches.has("print-config") ? "print-config" : "run", settings, flags };
}

function isFlag(name: string): name is keyof typeof FLAGS {
  return Object.hasOwn(FLAGS, name);
}

function isSwitch(name: string): name is keyof typeof SWITCHES {
  return Object.hasOwn(SWITCHES, name);
}

function wrong(got: string, allowed: string): Command {
  return { is: "wrong", message: `worker: ${got}; allowed: ${allowed}. See worker --help.` };
}

/** The text of `--help`. */
export function helpText(): string {
  const rows = Object.entries(FLAGS).map(([name, { key, value, help, fallback }]) => {
    return `  --${name}=${value}\n      ${help}. Default: ${fallback}. Environment: ${key}.\n`;
  });
  const switches = Object.entries(SWITCHES).map(([name, help]) => `  --${name}\n      ${help}.\n`);
  return `Usage: worker [flags]

Takes jobs from queues and runs them. A flag goes before the environment, which goes before the default. All else, such as
the database's host, comes from the environment, and secrets from files below SECRETS_DIR.

${[...rows, ...switches].join("")}
Examples:
  worker --queues=default,cpu --concurrency=8
  worker --queues=maintenance --pool=threads --log-level=info
  worker --queues=gpu --speech-engine=kokoro --kokoro-device=cuda --gpu=nvidia --processes=1
  worker --queues=cpu --print-config

Exit: 0 stopped in order, 1 failed, 2 wrong command line or not a POSIX system, 78 wrong configuration.
`;
}
