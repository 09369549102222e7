import { RandomUuid } from "@pulumi/random";
import { ResourceHook, type ComponentResource, type Input, type Output, type Resource } from "@pulumi/pulumi";
import { connectEngine, type Engine } from "./engine.ts";

export interface GateArgs<Keys extends string> {
  /** Logical name. */
  readonly name: string;
  /** What the step is about. It runs again when one of them changes, and at every `up` until it has succeeded. */
  readonly keys: Readonly<Record<Keys, Input<string>>>;
  /** The step. It throws when the deploy has to stop; it must bear being run again. */
  readonly run: (engine: Engine, keys: Readonly<Record<Keys, string>>) => Promise<void>;
  readonly after?: readonly Resource[];
  readonly parent: ComponentResource;
}

/**
 * A step of a deploy that is not a resource: a migration that has to succeed, a release that has to be healthy.
 *
 * It is a marker in the state whose creation runs the step first. Should the step fail there is no marker, so that the
 * next `up` runs it again; a container that ran and failed would be there, and count as done. What depends on the
 * marker is not made, and nothing is deleted: an update deletes what it replaced only at its end.
 */
export function gate<Keys extends string>(args: GateArgs<Keys>): RandomUuid {
  const hook = new ResourceHook(`${args.name}-gate`, async ({ newInputs }) => {
    const { keepers } = newInputs as { keepers: Record<Keys, string> };
    await args.run(await connectEngine(), keepers);
  });
  return new RandomUuid(
    args.name,
    { keepers: { ...args.keys } as Record<string, Output<string> | string> },
    {
      parent: args.parent,
      dependsOn: [...(args.after ?? [])],
      hooks: { beforeCreate: [hook] },
      // The step of the new one runs while what the old one stood for still serves.
      deleteBeforeReplace: false,
    },
  );
}
