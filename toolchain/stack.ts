import { globSync, mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { sharedBackend } from "./backend.ts";
import { runCommand, type CommandOptions } from "./command.ts";
import { dropCutAttributes } from "./cut-attributes.ts";
import { followEvents, type EngineEvent } from "./deployment/engine-events.ts";
import { askedSchema } from "./deployment/truth.ts";
import type { Folders } from "./folders.ts";
import { asRefusal, judgeLocks, readLocks, StackLocked } from "./lock.ts";
import { endOrphans } from "./orphans.ts";
import { dropSalt, hideSalts, readStackFile } from "./stack-file.ts";
import type { Report } from "./steps.ts";

/** The project's name in Pulumi.yaml. */
export const PROJECT = "slipway";

/** A stack's state as `pulumi stack export` gives it; only what is looked at here. */
const deploymentSchema = z.looseObject({
  deployment: z.looseObject({
    resources: z
      .array(
        z.looseObject({
          ...{ urn: z.string(), type: z.string(), id: z.string().optional() },
          outputs: z.record(z.string(), z.unknown()).optional(),
          /** Whether Pulumi refuses to delete it. */
          protect: z.boolean().optional(),
        }),
      )
      .optional(),
    pending_operations: z.array(z.looseObject({ type: z.string() })).optional(),
  }),
});
export type Deployment = z.infer<typeof deploymentSchema>;

/** What `pulumi config --json --show-secrets` says of a stack's file; an object stands in `objectValue`, as it is. */
const configSchema = z.record(
  z.string(),
  z.object({ value: z.string().optional(), secret: z.boolean(), objectValue: z.unknown().optional() }),
);
export type ConfigValues = z.infer<typeof configSchema>;

/** What `stacks/index.ts` puts out. */
const outputsSchema = z.looseObject({
  url: z.url(),
  /** Where everything of it is, in a cluster. */
  namespace: z.string().optional(),
  /** Name of the stack's own cluster, on AWS, and the way to it. */
  cluster: z.string().optional(),
  kubeconfig: z.string().optional(),
  /** What its services were asked for with; stacks of before do not say. */
  asked: askedSchema.optional(),
});
export type Outputs = z.infer<typeof outputsSchema>;

/** What closes a stack's secrets, where its file names it: such as `awskms://alias/states`. */
const providerSchema = z.looseObject({ secretsprovider: z.string() });

/** One stack, driven through the Pulumi command. */
export class Stack {
  readonly name: string;
  readonly #folders: Folders;
  readonly #env: Readonly<Record<string, string>>;

  /** @param env what {@link pulumiEnvironment} made */
  constructor(name: string, folders: Folders, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#folders = folders;
    this.#env = env;
  }

  /** Whether there is state of it in the backend in use. */
  exists(): Promise<boolean> {
    return stackExists(this.name, this.#folders, () => Promise.resolve(this.#env));
  }

  async create(): Promise<void> {
    mkdirSync(this.#folders.state, { recursive: true, mode: 0o700 });
    if (await this.exists()) return;
    await dropSalt(this.name, this.#folders);
    // By itself Pulumi takes a passphrase for a new one, whatever its file names.
    const { data } = providerSchema.safeParse(readStackFile(this.name, this.#folders));
    const provider = data === undefined ? [] : ["--secrets-provider", data.secretsprovider];
    await this.#pulumi(["stack", "init", this.name, "--no-select", ...provider]);
    await hideSalts(this.#folders);
  }

  /**
   * Waits for a deploy that runs on this machine, and takes away the lock of one that was killed.
   *
   * @throws StackLocked where another machine holds it: whether that one is still at it cannot be seen from here
   */
  async unlock(report: Report): Promise<"free" | "healed"> {
    for (;;) {
      const verdict = judgeLocks(readLocks(this.#folders, PROJECT, this.name));
      switch (verdict.kind) {
        case "free":
          return "free";
        case "stale":
          await this.#pulumi(["cancel", this.name, "--yes"]);
          endOrphans([this.#folders.cache]);
          return "healed";
        case "held": {
          const { pid, hostname: host, timestamp } = verdict.by;
          if (host !== hostname()) throw new StackLocked(this.name, [verdict.by]);
          report(`waiting for the deploy of process ${pid} on ${host}, begun ${timestamp}`);
          await sleep(1000);
        }
      }
    }
  }

  /**
   * @param take is given what the engine does, as it does it
   * @param env what the program reads besides, for this once
   */
  async deploy(take: (event: EngineEvent) => void, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const up = ["up", "--yes", "--skip-preview", "--suppress-permalink=true"];
    return followEvents(take, (path) => this.#pulumi([...up, "--event-log", path], { env }));
  }

  /** What `pulumi preview --json` prints: what a deploy would do. */
  async preview(): Promise<string> {
    return this.#pulumi(["preview", "--json", "--suppress-permalink=true"]);
  }

  async destroy(report: Report): Promise<string> {
    return this.#pulumi(["destroy", "--yes", "--skip-preview", "--suppress-permalink=true"], {
      onLine: (line) => {
        report(resourceLine(line));
      },
    });
  }

  /** Forgets what a killed deploy was about to create, and looks at what there is. */
  async settle(report: Report): Promise<void> {
    await this.#pulumi(["refresh", "--yes", "--skip-preview", "--clear-pending-creates"], {
      onLine: (line) => {
        report(resourceLine(line));
      },
    });
  }

  /** Removes the stack's state; its file stays, without the salt. */
  async remove(): Promise<void> {
    await this.#pulumi(["stack", "rm", this.name, "--yes", "--force", "--preserve-config"]);
    await dropSalt(this.name, this.#folders);
  }

  async outputs(): Promise<Outputs> {
    return outputsSchema.parse(JSON.parse(await this.#pulumi(["stack", "output", "--json"])));
  }

  /**
   * The keys that the stack's API checks tokens with. They are secret.
   *
   * @throws CommandError when the stack is not up
   */
  async jwtKeys(): Promise<string> {
    return (await this.#pulumi(["stack", "output", "jwtKeys", "--show-secrets"])).trim();
  }

  /** What the stack's file says, its secrets included. */
  async config(): Promise<ConfigValues> {
    return configSchema.parse(JSON.parse(await this.#pulumi(["config", "--json", "--show-secrets"])));
  }

  /** A secret of the stack's file. */
  async secret(key: string): Promise<string> {
    return this.#pulumi(["config", "get", key]);
  }

  /** Writes a secret into the stack's file, encrypted; by standard input, as a command line is seen by everybody. */
  async setSecret(path: string, value: string): Promise<void> {
    await this.#pulumi(["config", "set", "--path", "--secret", `${PROJECT}:${path}`], { input: value });
    await hideSalts(this.#folders);
  }

  /** What the program made of a RandomPassword, by its logical name; nothing where the state has none of that name. */
  async generatedSecret(name: string): Promise<string | undefined> {
    return generatedSecret(JSON.parse(await this.#pulumi(["stack", "export", "--show-secrets"])), name);
  }

  /** Writes values into the stack's file, all of them in one go: `{ "data.generation": "second" }`. */
  async setConfig(values: Readonly<Record<string, string>>): Promise<void> {
    const pairs = Object.entries(values).flatMap(([path, value]) => ["--plaintext", `${PROJECT}:${path}=${value}`]);
    await this.#pulumi(["config", "set-all", "--path", ...pairs]);
    await hideSalts(this.#folders);
  }

  /** Removes a value from the stack's file, such as `data.kept[0]`. */
  async removeConfig(path: string): Promise<void> {
    await this.#pulumi(["config", "rm", "--path", `${PROJECT}:${path}`]);
    await hideSalts(this.#folders);
  }

  async export(): Promise<Deployment> {
    return deploymentSchema.parse(JSON.parse(await this.#pulumi(["stack", "export"])));
  }

  async import(deployment: Deployment): Promise<void> {
    await this.#pulumi(["stack", "import"], { input: JSON.stringify(deployment) });
  }

  async #pulumi(args: readonly string[], { env, ...options }: Omit<CommandOptions, "cwd"> = {}): Promise<string> {
    dropCutAttributes(this.#folders, PROJECT);
    const isNamed = args.includes(this.name);
    return runCommand(
      "pulumi",
      [...args, ...(isNamed ? [] : ["--stack", this.name]), "--non-interactive", "--color=never"],
      {
        ...options,
        cwd: this.#folders.root,
        // Without it there is no --event-log.
        env: { ...this.#env, ...env, PULUMI_DEBUG_COMMANDS: "true" },
      },
    ).catch((error: unknown) => {
      throw asRefusal(this.name, error);
    });
  }
}

/** Gives what Pulumi reads, and brings Pulumi where it is not there; called where it has to be asked. */
export type BringPulumi = () => Promise<Readonly<Record<string, string>>>;

/** Whether the backend in use holds a stack. */
export async function stackExists(name: string, folders: Folders, bring: BringPulumi): Promise<boolean> {
  return (await stackNames(folders, bring)).includes(name);
}

/**
 * Every stack of the project in the backend in use. Of states on this machine their folder tells, and no process is started.
 *
 * @throws CommandError where a backend that machines share does not answer
 */
export async function stackNames(folders: Folders, bring: BringPulumi): Promise<readonly string[]> {
  return sharedBackend() === undefined ? localStackNames(folders) : listStacks(folders.root, await bring());
}

/** Those whose states lie on this machine, whatever backend is in use. */
export function localStackNames({ state }: Folders): readonly string[] {
  return globSync(join(state, ".pulumi/stacks", PROJECT, "*.json")).map((path) => basename(path, ".json"));
}

const listSchema = z.array(z.looseObject({ name: z.string() }));

/** Names of the stacks in the backend that an environment names, as Pulumi lists them. @param folder that has Pulumi.yaml */
export async function listStacks(folder: string, env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const text = await runCommand("pulumi", ["stack", "ls", "--json", "--non-interactive"], { cwd: folder, env });
  // Some backends put an organization in front.
  return listSchema.parse(JSON.parse(text)).map(({ name }) => name.slice(name.lastIndexOf("/") + 1));
}

const passwordSchema = z.looseObject({ outputs: z.looseObject({ result: z.looseObject({ plaintext: z.string() }) }) });

/**
 * A generated secret in a state that shows them.
 *
 * @param state as `pulumi stack export --show-secrets` gives it
 */
export function generatedSecret(state: unknown, name: string): string | undefined {
  const { resources = [] } = deploymentSchema.parse(state).deployment;
  const made = resources.find(
    ({ type, urn }) => type === "random:index/randomPassword:RandomPassword" && urn.endsWith(`::${name}`),
  );
  const { data } = passwordSchema.safeParse(made);
  return data === undefined ? undefined : z.string().parse(JSON.parse(data.outputs.result.plaintext));
}

/** ` +  docker:index/network:Network inner created (0.2s)` becomes `Network inner created (0.2s)`. */
export function resourceLine(line: string): string {
  const found = /^\s*[-+~@>=<]*\s*[\w:./-]+:(\w+) (\S+ \S.*)$/.exec(line);
  return (found ? `${found[1] ?? ""} ${found[2] ?? ""}` : line).trim().slice(0, 70);
}
