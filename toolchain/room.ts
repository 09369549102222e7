import { existsSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { runCommand, UserError } from "./command.ts";
import { connect, type EngineAddress } from "./engine.ts";
import type { Prepared } from "./prepare.ts";
import type { ListenAddress } from "./stack-settings.ts";

const GIB = 2 ** 30;

/** GiB that images, their layers while they are built, and volumes of a new stack take; measured 1.6. */
const ENGINE_GIB = 4;

/** There is no room for a stack: what is in the way, and the way out, apart for who shows them apart. */
export class NoRoom extends UserError {
  readonly what: string;
  readonly mend: string;

  constructor(what: string, mend: string) {
    super(`${what}. ${mend}`);
    this.name = "NoRoom";
    this.what = what;
    this.mend = mend;
  }
}

/**
 * Looks whether a deploy has the room that it needs, before anything is created.
 *
 * @param edge where the stack wants to listen; nothing where its own edge does so already
 * @throws NoRoom naming the disk or the port
 */
export async function checkRoom(
  stack: string,
  { engine }: Pick<Prepared, "engine">,
  edge: ListenAddress | undefined,
): Promise<void> {
  await checkEngineDisk(engine);
  if (edge) await checkPort(stack, edge);
}

async function checkEngineDisk(engine: EngineAddress): Promise<void> {
  const { DockerRootDir: folder } = (await connect(engine.host).info()) as { DockerRootDir?: string };
  // An engine elsewhere has its disk elsewhere.
  if (folder === undefined || !engine.host.startsWith("unix://") || !existsSync(dirname(folder))) return;
  checkDisk(existsSync(folder) ? folder : dirname(folder), ENGINE_GIB);
}

/** @throws NoRoom where a folder's disk has less free than asked for */
export function checkDisk(
  folder: string,
  needGiB: number,
  stat: (path: string) => { bavail: number; bsize: number } = statfsSync,
): void {
  const { bavail, bsize } = stat(folder);
  const freeGiB = (bavail * bsize) / GIB;
  if (freeGiB >= needGiB) return;
  throw new NoRoom(
    `${folder} has ${freeGiB.toFixed(1)} GiB free; ${needGiB} are needed`,
    "Make room, for example: docker system prune",
  );
}

/** @throws NoRoom where something listens there already, or the address is not this machine's */
export async function checkPort(stack: string, { address, port }: ListenAddress): Promise<void> {
  const fault = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ host: address, port, exclusive: true }, () =>
      server.close(() => {
        resolve(undefined);
      }),
    );
  });
  if (fault === undefined) return;
  const where = `${address}:${port}`;
  if (fault !== "EADDRINUSE")
    throw new NoRoom(
      `The edge cannot listen on ${where}: ${fault}`,
      `Set slipway:edge in Pulumi.${stack}.yaml to an address and a port of this machine.`,
    );
  throw new NoRoom(
    `The edge wants ${where}, and something else listens there${await listener(port)}`,
    `End it, or choose another port:\n  pulumi config set --path edge.port 8081 --stack ${stack}`,
  );
}

async function listener(port: number): Promise<string> {
  const said = await runCommand("ss", ["-Hltnp", `sport = :${port}`]).catch(() => "");
  const found = /users:\(\("([^"]+)",pid=(\d+)/.exec(said);
  return found ? ` (${found[1] ?? ""}, process ${found[2] ?? ""})` : "";
}
