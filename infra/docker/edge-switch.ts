import type { Engine } from "./engine.ts";

/** From the next request on, everything goes to this release of the API. */
export async function activate(engine: Engine, edgeId: string, release: string): Promise<void> {
  await switchTo(engine, edgeId, [release]);
}

/** From the next request on, so many percent go to this release, the others to the one that serves; 0 takes every share back. */
export async function sendShare(engine: Engine, edgeId: string, release: string, percent: number): Promise<void> {
  await switchTo(engine, edgeId, [release, String(percent)]);
}

async function switchTo(engine: Engine, edgeId: string, words: readonly string[]): Promise<void> {
  const { code, output } = await engine.exec(edgeId, ["/usr/local/bin/activate", ...words]);
  if (code === 0) return;
  throw new Error(
    `The edge did not switch to ${words.join(" ")} (exit code ${code}): ${output}\nThe release before it goes on serving. Run \`pulumi up\` again.`,
  );
}

/** The release of the API that serves; nothing where none does yet. */
export async function servingRelease(engine: Engine, edgeId: string): Promise<string | undefined> {
  const { output } = await engine.exec(edgeId, ["readlink", "/var/lib/edge/active"]);
  return /^releases\/(api-[0-9a-f]+)$/.exec(output)?.[1];
}
