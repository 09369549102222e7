import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { copyCheckout, type Checkout } from "../e2e/checkout.ts";
import { homeIn, spoken, start, type Running, type Spoken } from "../e2e/running.ts";
import type { Ended } from "../e2e/stack.ts";
import { findFolders, ROOT } from "../../toolchain/folders.ts";
import { preparePulumi } from "../../toolchain/prepare.ts";
import type { PlatformPlugin } from "../../toolchain/pulumi.ts";
import { Steps } from "../../toolchain/steps.ts";

/** A small Pulumi program of a test, with a stack and a backend of its own. */
export interface TestProgram {
  readonly folder: string;
  /** What Pulumi runs with: its backend, and the file of the passphrase. */
  readonly env: Readonly<Record<"PULUMI_BACKEND_URL" | "PULUMI_CONFIG_PASSPHRASE_FILE", string>>;
  /** Runs `pulumi <command> ...` on the stack. */
  pulumi(...args: readonly string[]): Promise<Ended>;
  /** The same, which must succeed; else the test fails with its output. */
  good(...args: readonly string[]): Promise<string>;
  /** `./slipway <words> --stack test`; where it is the repository's own program. */
  slipway(...words: readonly string[]): Running;
  /** The same, and what it says with --json. */
  asked<T>(...words: readonly string[]): Promise<Spoken<T>>;
  /** The stack's state, as it lies on disk. */
  state(): string;
  remove(): void;
}

/** @param source of index.ts; it imports what the repository has installed */
export async function makeProgram(source: string): Promise<TestProgram> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-program-"));
  writeFileSync(
    join(folder, "Pulumi.yaml"),
    "name: try\nruntime: {name: nodejs, options: {typescript: false}}\nmain: index.ts\n",
  );
  writeFileSync(join(folder, "package.json"), '{"name":"try","type":"module"}');
  writeFileSync(join(folder, "index.ts"), source);
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const remove = () => {
    rmSync(folder, { recursive: true });
  };
  return openStack({ folder, project: "try", remove });
}

export interface ProductStackOptions {
  /** Changes the copy before Pulumi sees it. @default not at all */
  readonly change?: (checkout: Checkout) => void;
  /** Plugins besides those of all stacks. @default none */
  readonly plugins?: readonly PlatformPlugin[];
  /** What Pulumi reads besides; PATH goes before the usual one. @default nothing */
  readonly env?: Readonly<Record<string, string>>;
}

/** The repository's own program, in a copy. */
export async function makeProductStack({ change, ...more }: ProductStackOptions = {}): Promise<TestProgram> {
  const checkout = copyCheckout();
  change?.(checkout);
  const remove = () => {
    checkout.remove();
  };
  return openStack({ folder: checkout.folder, project: "slipway", remove, ...more });
}

interface StackPlace extends Omit<ProductStackOptions, "change"> {
  readonly folder: string;
  readonly project: string;
  readonly remove: () => void;
}

/** A stack named `test`, with a backend in the program's folder. */
async function openStack({ folder, project, remove, plugins, env: more }: StackPlace): Promise<TestProgram> {
  // Where the commands of this checkout look for them, too.
  const home = homeIn(join(folder, "home"));
  const { state, config } = findFolders(home);
  for (const path of [state, config]) mkdirSync(path, { mode: 0o700 });
  writeFileSync(join(config, "passphrase"), randomBytes(24).toString("base64"), { mode: 0o600 });
  const quiet = { write: () => undefined, isTerminal: false, columns: 80 };
  const prepared = await preparePulumi(new Steps({ screen: quiet }), findFolders(), plugins);
  const env = {
    ...process.env,
    ...prepared,
    ...more,
    PATH: [more?.["PATH"], prepared["PATH"]].filter((path) => path !== undefined).join(delimiter),
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: join(config, "passphrase"),
  };
  const pulumi = (...args: readonly string[]) =>
    run("pulumi", [...args, "--stack", "test", "--non-interactive", "--color=never"], folder, env);
  const good = async (...args: readonly string[]) => {
    const { code, output } = await pulumi(...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${code}:\n${output}`);
    return output;
  };
  const typed = { ...home, ...more, PATH: [more?.["PATH"], home["PATH"]].filter(Boolean).join(delimiter) };
  const slipway = (...words: readonly string[]) =>
    start("sh", ["./slipway", ...words, "--stack", "test"], folder, typed);
  await run("pulumi", ["stack", "init", "test", "--non-interactive"], folder, env);
  return {
    folder,
    env,
    pulumi,
    good,
    slipway,
    asked: async (...words) => spoken(slipway(...words, "--json")),
    state: () => readFileSync(join(state, ".pulumi/stacks", project, "test.json"), "utf8"),
    remove,
  };
}

function run(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? 1, output: stdout + stderr });
    });
  });
}
