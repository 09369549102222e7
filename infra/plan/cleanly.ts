import { messageOf } from "../../configs/message.ts";
/**
 * Does something and clears up behind it, whatever came of it. What goes wrong while clearing up is thrown where nothing went wrong before, and said
 * otherwise: it must not hide why the work failed.
 *
 * @param say is told of a fault that is not thrown
 */
export async function cleanly(
  work: () => Promise<void>,
  clearUp: () => Promise<void>,
  say: (text: string) => Promise<void>,
): Promise<void> {
  await cleanlyGivenUp(work, clearUp, say);
  await clearUp();
}

/** The same, where what is done well needs no clearing up. */
export async function cleanlyGivenUp(
  work: () => Promise<void>,
  clearUp: () => Promise<void>,
  say: (text: string) => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    await clearUp().catch((fault: unknown) => say(messageOf(fault)));
    throw error;
  }
}
