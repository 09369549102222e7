import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BACKEND } from "../../toolchain/env.ts";
import { makeToken } from "../../toolchain/token.ts";
import { freePort } from "../servers/programs.ts";
import { copyCheckout, type Checkout } from "./checkout.ts";
import { homeIn, spoken, type Spoken, start } from "./running.ts";

/** What a command said and how it ended. */
export interface Ended {
  readonly code: number;
  /** Standard output and standard error, in this order. */
  readonly output: string;
}

/** A stack on the real engine, of a copy of the repository, with a backend and a passphrase of its own. */
export interface E2eStack {
  readonly name: string;
  readonly checkout: Checkout;
  readonly url: string;
  /** For its API; there once the stack is up. */
  readonly token: string;
  /** Runs `pulumi <command> --stack <name> ...`. */
  pulumi(command: string, ...args: string[]): Promise<Ended>;
  /** Runs `./slipway <words> --stack <name>` on the same backend; `more` is read besides. Gives what it says as a document. */
  slipway<T>(words: readonly string[], more?: NodeJS.ProcessEnv): Promise<Spoken<T>>;
  /** `pulumi up`, which must succeed; fails the test with its output otherwise. */
  up(...args: string[]): Promise<string>;
  /** Writes the stack's file. */
  configure(more?: Readonly<Record<string, unknown>>): void;
  /** Folder of the backend: state, its history and its backups. */
  readonly backend: string;
  /** Names of the stack's containers of a service, running or not. */
  containers(service?: string): Promise<string[]>;
  /** Destroys what is left and removes the copy. */
  remove(): Promise<void>;
}

/** Makes the stack; nothing is deployed yet. */
export async function makeStack(): Promise<E2eStack> {
  const checkout = copyCheckout();
  const name = `e2e-${randomBytes(3).toString("hex")}`;
  const port = await freePort();
  const backend = join(checkout.folder, "backend");
  const env = makeBackend(backend);
  const pulumi = (command: string, ...args: string[]) =>
    run("pulumi", [command, "--stack", name, "--non-interactive", ...args], checkout.folder, env);
  let token = "";
  const configure = writeConfig(checkout, name, port);
  configure({}, "");
  const made = await run("pulumi", ["stack", "init", name, "--non-interactive"], checkout.folder, env);
  if (made.code !== 0) throw new Error(`the stack could not be made:\n${made.output}`);
  const file = readFileSync(join(checkout.folder, `Pulumi.${name}.yaml`), "utf8");
  const salt = /^encryptionsalt: .*$/m.exec(file)?.[0] ?? "";
  return {
    ...{ name, checkout, backend, pulumi },
    url: `http://127.0.0.1:${port}`,
    get token() {
      return token;
    },
    slipway: (words, more = {}) => slipway(checkout.folder, [...words, "--stack", name], { ...env, ...more }),
    up: async (...args) => {
      const { code, output } = await pulumi("up", "--yes", "--skip-preview", ...args);
      if (code !== 0) throw new Error(`pulumi up ended with ${code}:\n${output}`);
      token = await makeToken((await pulumi("stack", "output", "jwtKeys", "--show-secrets")).output.trim());
      return output;
    },
    configure: (more = {}) => {
      configure(more, salt);
    },
    containers: (service) => listContainers(name, service),
    remove: async () => {
      await pulumi("destroy", "--yes", "--skip-preview");
      checkout.remove();
    },
  };
}

/** On the same backend as `pulumi`. */
function slipway<T>(folder: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<Spoken<T>> {
  const command = ["toolchain/start.sh", "../ops/main.ts", ...words, "--json"];
  // In a home of its own: what it links to is in this checkout, which goes, and others run meanwhile.
  const home = homeIn(join(folder, "home"));
  return spoken(start("sh", command, folder, { ...home, ...env, [BACKEND]: env["PULUMI_BACKEND_URL"] }));
}

function makeBackend(folder: string): NodeJS.ProcessEnv {
  mkdirSync(folder);
  writeFileSync(join(folder, "passphrase"), randomBytes(24).toString("base64"), { mode: 0o600 });
  return {
    ...process.env,
    PULUMI_BACKEND_URL: `file://${folder}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: join(folder, "passphrase"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
}

function writeConfig(checkout: Checkout, name: string, port: number) {
  return (more: Readonly<Record<string, unknown>>, salt: string): void => {
    const config = { platform: "docker", environment: "dev", edge: { port }, ...more };
    const lines = Object.entries(config).map(([key, value]) => `  slipway:${key}: ${JSON.stringify(value)}`);
    checkout.write(`Pulumi.${name}.yaml`, `${salt}\nconfig:\n${lines.join("\n")}\n`);
  };
}

export async function listContainers(stack: string, service?: string): Promise<string[]> {
  const filters = [`label=slipway.stack=${stack}`, ...(service ? [`label=slipway.service=${service}`] : [])];
  const { output } = await docker("ps", "--all", "--format", "{{.Names}}", ...filters.flatMap((f) => ["--filter", f]));
  return output.trim().split("\n").filter(Boolean).sort();
}

/** Runs the Docker client. */
export function docker(...args: string[]): Promise<Ended> {
  return run("docker", args, process.cwd(), process.env);
}

function run(program: string, args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env, maxBuffer: 512 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, output: stdout + stderr });
    });
  });
}
