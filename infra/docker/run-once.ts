import { Container } from "@pulumi/docker";
import { log, type ComponentResource, type Input, type Output } from "@pulumi/pulumi";
import type { Done, ProgramSpec } from "../contract.ts";
import { hardened } from "./container.ts";
import type { Engine } from "./engine.ts";
import { gate } from "./gate.ts";
import { indentLog, waitHealthy } from "./health.ts";
import type { SecretVolume } from "./secret-files.ts";

export interface RunOnceArgs {
  readonly spec: ProgramSpec;
  readonly image: Input<string>;
  readonly secrets: SecretVolume;
  readonly network: Input<string>;
  /** Containers that must be healthy before it runs. */
  readonly needs: Readonly<Record<string, Output<string>>>;
  readonly healthTimeoutSeconds: number;
  readonly parent: ComponentResource;
}

/** A program that failed, with the end of its log. */
export class RunOnceError extends Error {
  constructor(name: string, code: number, logTail: string) {
    super(
      `${name} failed with exit code ${code}; nothing that comes after it was started, and what ran before goes on serving.\n` +
        `The end of its log:\n${indentLog(logTail)}\n` +
        `Mend the cause and run \`pulumi up\` again: ${name} runs again then.`,
    );
    this.name = "RunOnceError";
  }
}

/** A container that is made here, started by the deploy, and has to exit with 0 before anything after it is made. */
export function runOnce(args: RunOnceArgs): Done {
  const { spec, parent } = args;
  const container = new Container(
    spec.name,
    {
      ...hardened({
        ...spec,
        service: spec.name,
        image: args.image,
        secrets: args.secrets,
        networks: [{ name: args.network }],
      }),
      start: false,
      mustRun: false,
      restart: "no",
    },
    // The plugin takes other mounts for an update, which leaves the container on the volume of the secrets before.
    { parent, dependsOn: [args.secrets.writer], deleteBeforeReplace: false, replaceOnChanges: ["mounts"] },
  );
  return gate({
    name: `${spec.name}-done`,
    keys: { container: container.id, ...args.needs },
    run: async (engine, { container: id, ...needs }) => {
      await waitHealthy(engine, Object.values(needs), args.healthTimeoutSeconds);
      await runToEnd(engine, id, spec.name);
    },
    parent,
  });
}

async function runToEnd(engine: Engine, id: string, name: string): Promise<void> {
  await engine.start(id);
  const code = await engine.wait(id);
  const tail = await engine.logs(id, 40);
  if (code !== 0) throw new RunOnceError(name, code, tail);
  await log.info(`${name} is done`);
}
