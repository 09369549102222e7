import { messageOf } from "../../configs/message.ts";
import type { Folders } from "../folders.ts";
import type { Sight } from "../platforms/host.ts";
import { lookAt } from "../platforms/platforms.ts";
import type { Stack } from "../stack.ts";
import type { Steps } from "../steps.ts";
import { historyWithin, type History } from "./operate.ts";

/** Asks a stack what was deployed to it, from wherever. It never fails: the log of this machine does without. */
export async function historyOf(stack: Stack, sight: Pick<Sight, "withinApi">): Promise<History> {
  try {
    if (!(await stack.exists())) return { records: [], why: "there is no such stack" };
    return await historyWithin((command) => sight.withinApi(stack, command));
  } catch (error) {
    return unknown(error);
  }
}

/** The same of a stack that was not opened yet. */
export async function historyByName(name: string, folders: Folders, steps: Steps): Promise<History> {
  try {
    const { stack, sight } = await lookAt(name, folders, steps);
    return await historyOf(stack, sight);
  } catch (error) {
    return unknown(error);
  }
}

function unknown(error: unknown): History {
  return { records: [], why: messageOf(error) };
}
