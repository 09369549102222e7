import type { KubeConfig } from "@kubernetes/client-node";
import type { ReleaseImages } from "../deployment/deployments-log.ts";
import type { Running } from "../deployment/truth.ts";
import type { Folders } from "../folders.ts";
import type { LeftBehind } from "../left-behind.ts";
import type { Output } from "../lines.ts";
import type { PlatformPlugin } from "../pulumi.ts";
import type { Deployment, Outputs, Stack } from "../stack.ts";
import type { Report, Steps } from "../steps.ts";
import type { Unmanaged } from "../unmanaged.ts";

/** What can be seen of a stack, whatever its state says; nothing is started for it. */
export interface Sight {
  /** What the platform has running of services at this moment. */
  readonly running: (stack: Stack, services: readonly string[]) => Promise<Running>;
  /** Runs a program in a container of the API that serves; nothing where none does. */
  readonly withinApi: (stack: Stack, command: readonly string[]) => Promise<Output | undefined>;
  /** Whether a release can be run: its images are there, as far as can be told from here. */
  readonly hasImages: (images: ReleaseImages) => Promise<boolean>;
}

/** A stack on this machine, ready to be deployed. */
export interface Host extends Sight {
  readonly folders: Folders;
  /** For Pulumi and everything that is run beside it. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether nothing of an earlier deploy can be there any more, whatever the stack's state says. */
  readonly isEmpty: boolean;
  /** Removes what a killed deploy made and the state does not know; gives how much that was. */
  readonly removeUnknown: (stack: Stack, deployment: Deployment) => Promise<number>;
  /** Ends what a release that is to take over by steps left where it was broken off; gives how much that was. */
  readonly endCanaries: (stack: Stack) => Promise<number>;
  /** @throws UserError where a deploy would not have the room that it needs */
  readonly checkRoom: () => Promise<void>;
  /** Brings what services run from to where the platform finds it. */
  readonly deliver: (steps: Steps) => Promise<void>;
  /** The ends of the logs of what is broken; empty where Pulumi's own message has them. */
  readonly faultyLogs: () => Promise<string>;
  /** Runs the migrations of the release that serves once more, when nothing of the one before runs: those that waited for it. */
  readonly migrateAgain: (stack: Stack, report: Report) => Promise<void>;
  /** Keeps the images of these releases where nobody else does, and of no others. */
  readonly keepImages: (releases: readonly ReleaseImages[]) => Promise<void>;
}

/** The API as this machine reaches it. */
export interface Reached {
  readonly url: string;
  readonly end: () => Promise<void>;
}

export interface TakeDown {
  readonly name: string;
  readonly folders: Folders;
  readonly steps: Steps;
  readonly keepData: boolean;
  readonly force: boolean;
}

/** What is a platform's own where a command runs a stack from this machine. */
export interface PlatformCommands {
  /** Plugins of Pulumi that stacks of other platforms do without. @default none */
  readonly plugins?: readonly PlatformPlugin[];
  /** Brings onto this machine what a deploy needs. */
  readonly prepare: (stack: string, steps: Steps) => Promise<Host>;
  /** For a look at a stack that may be up. */
  readonly sight: (folders: Folders) => Promise<Sight>;
  /** What Pulumi reads besides, for a look at a stack that is up. */
  readonly environment: (stack: string, folders: Folders) => Readonly<Record<string, string>>;
  /**
   * A way to the API. It is to be ended.
   *
   * @param localPort of this machine, where a way has to be made. @default any that is free
   */
  readonly reach: (stack: Stack, folders: Folders, outputs: Outputs, localPort?: number) => Promise<Reached>;
  /** The way to the cluster that a stack stands in. @default it stands in none */
  readonly cluster?: (stack: Stack, folders: Folders, outputs: Outputs) => Promise<KubeConfig>;
  /** What bears the stack's labels and is not in its state. */
  readonly unmanaged: (stack: Stack, folders: Folders, deployment: Deployment) => Promise<Unmanaged>;
  /** Destroys the stack and what is beside it; gives what is left all the same. */
  readonly takeDown: (args: TakeDown) => Promise<LeftBehind>;
}
