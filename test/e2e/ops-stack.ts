import { randomBytes } from "node:crypto";
import { rmSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DeploymentsLog, type DeploymentRecord } from "../../toolchain/deployment/deployments-log.ts";
import { freePort } from "../servers/programs.ts";
import { copyCheckout, type Checkout } from "./checkout.ts";
import { send } from "./client.ts";
import { homeIn, start, type Running } from "./running.ts";
import { docker, listContainers, type Ended } from "./stack.ts";

/** A stack that `make up` and `slipway` drive, as a user's: state, passphrase and file are its own, the engine and the cache are this machine's. */
export interface OpsStack {
  readonly name: string;
  readonly url: string;
  /** Its sources, which a test may change. */
  readonly checkout: Checkout;
  /** `./slipway <words> --stack <name>` */
  slipway(...words: string[]): Running;
  /** What `make up` runs; it must succeed. */
  up(): Promise<void>;
  /** Runs `pulumi <words> --stack <name>`. */
  pulumi(...words: string[]): Promise<Ended>;
  /** @param hours that it is good for. @default 1 */
  token(hours?: number): Promise<string>;
  /** Writes a secret into its file, as `pulumi config set --secret` does. */
  setSecret(key: string, value: string): Promise<void>;
  /** The stack's file. */
  file(): string;
  /** Writes it anew. */
  write(file: string): void;
  /** Every file of its state, by name. */
  stateFolder: string;
  containers(service?: string): Promise<string[]>;
  /** Runs statements as the superuser of its Postgres; rows without a header. */
  sql(text: string): Promise<string>;
  /** Its log, oldest first. */
  deployments(): readonly DeploymentRecord[];
  /** The version that answers. */
  served(): Promise<string>;
  /** Takes away all that its host has of it, state and passphrase among it; the checkout stays, as one in git does. */
  lose(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * @param more lines of its file, beside platform, environment and port
 * @param name where one is to be read. @default one that no other stack has
 */
export async function makeOpsStack(more = "", name = `ops-${randomBytes(3).toString("hex")}`): Promise<OpsStack> {
  const checkout = copyCheckout();
  const { folder } = checkout;
  const port = await freePort();
  const path = join(folder, `Pulumi.${name}.yaml`);
  writeFileSync(path, firstFile(port) + more);
  const home = join(folder, "home");
  const env = homeIn(home);
  const run = (...words: string[]) => start("sh", words, folder, env);
  const script = (text: string, ...words: string[]) => run("-c", text, ...words).ended;
  const command = (file: string, ...words: string[]) =>
    run("toolchain/start.sh", `commands/${file}.ts`, "--stack", name, ...words).ended;
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    checkout,
    slipway: (...words) => run("./slipway", ...words, "--stack", name),
    up: async () => {
      const { code, output } = await command("up");
      if (code !== 0) throw new Error(`up ended with ${code}:\n${output}`);
    },
    pulumi: (...words) => script(PULUMI, name, ...words),
    token: async (hours = 1) => (await command("token", "--hours", String(hours))).stdout.trim(),
    setSecret: async (key, value) => {
      const { code, output } = await script(SET_SECRET, name, key, value);
      if (code !== 0) throw new Error(`${key} could not be set:\n${output}`);
    },
    file: () => readFileSync(path, "utf8"),
    write: (text) => {
      writeFileSync(path, text);
    },
    stateFolder: join(folder, "home/state"),
    containers: (service) => listContainers(name, service),
    ...seenOf(name, port, home),
    ...endsOf(name, checkout, home),
  };
}

function seenOf(name: string, port: number, home: string): Pick<OpsStack, "sql" | "deployments" | "served"> {
  return {
    sql: (text) => askPostgres(name, text),
    deployments: () => new DeploymentsLog(name, { state: join(home, "state/slipway") }).read(),
    served: async () => {
      const { body } = await send({ url: `http://127.0.0.1:${port}`, token: "" }, "GET", "/");
      return (JSON.parse(body) as { version: string }).version;
    },
  };
}

async function askPostgres(name: string, text: string): Promise<string> {
  const [postgres = ""] = await listContainers(name, "postgres");
  const psql = ["psql", "-h", "/run/slipway/postgres", "-U", "postgres", "-d", "slipway", "-qAt", "-c", text];
  const { code, output } = await docker("exec", postgres, ...psql);
  if (code !== 0) throw new Error(`psql ended with ${code}: ${output}`);
  return output.trim();
}

function endsOf(name: string, checkout: Checkout, home: string): Pick<OpsStack, "lose" | "remove"> {
  return {
    lose: async () => {
      await removeObjects(name);
      rmSync(home, { recursive: true });
      homeIn(home);
    },
    remove: async () => {
      await removeObjects(name);
      checkout.remove();
    },
  };
}

function firstFile(port: number): string {
  return `config:\n  slipway:platform: docker\n  slipway:environment: dev\n  slipway:edge: { port: ${port} }\n`;
}

const PULUMI_ENV = 'eval "$(sh toolchain/start.sh commands/env.ts --stack "$0")"';
const PULUMI = `${PULUMI_ENV} && exec pulumi "$@" --non-interactive --stack "$0"`;
const SET_SECRET = `${PULUMI_ENV} && printf %s "$2" | pulumi config set --secret "$1" --stack "$0"`;

/** Not by `make down`: of the stacks in another state folder it knows nothing, and takes the base image from under them. */
async function removeObjects(name: string): Promise<void> {
  const label = `label=slipway.stack=${name}`;
  const lines = async (...args: string[]) => (await docker(...args)).output.trim().split("\n").filter(Boolean);
  const each = async (names: Promise<string[]>, ...command: string[]) => {
    for (const one of await names) await docker(...command, one);
  };
  await each(lines("ps", "--all", "--quiet", "--filter", label), "rm", "--force");
  await each(lines("volume", "ls", "--quiet", "--filter", label), "volume", "rm");
  await each(lines("network", "ls", "--quiet", "--filter", label), "network", "rm");
  // By name: by its id an image would go from every stack that has the same one.
  await each(lines("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", `slipway-${name}/*`), "image", "rm");
}
