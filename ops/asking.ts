import type { z } from "zod";
import { findFolders } from "../toolchain/folders.ts";
import { readStackSettings } from "../toolchain/stack-settings.ts";
import type { Steps } from "../toolchain/steps.ts";
import { AgentSteps } from "./agent-steps.ts";
import { findAgent, findDocker } from "./agent.ts";
import type { Answer } from "./reading.ts";

export interface AskArgs<T> {
  readonly stack: string;
  readonly steps: Steps;
  /** Command and options for the agent. */
  readonly words: readonly string[];
  readonly schema: z.ZodType<T>;
  readonly input?: string;
}

/** Asks the agent of a stack for something, and shows how far it is. */
export async function askAgent<T>({ stack, steps, ...asked }: AskArgs<T>): Promise<Answer<T>> {
  const question = { ...asked, shown: new AgentSteps(steps) };
  if (readStackSettings(stack, findFolders().root)?.platform === "kubernetes") {
    // With it comes a client.
    const { askInCluster, openInCluster } = await import("./cluster-agent.ts");
    return askInCluster(await openInCluster(stack, steps), question);
  }
  const agent = await findAgent(await findDocker(), stack);
  return agent.ask(question);
}
