import type Docker from "dockerode";
import { engineOf } from "../../infra/docker/engine.ts";
import { askOnTerminal } from "../ask.ts";
import { servingApi } from "../deployment/truth.ts";
import { planEngine, startEngine } from "../docker.ts";
import { connect, findEngine } from "../engine.ts";
import { NOTHING_LEFT, type LeftBehind } from "../left-behind.ts";
import { faultyLogs, keepingData, leftOnEngine, removeAll, removeUnknown, unmanagedOnEngine } from "../leftovers.ts";
import { prepare, preparePulumi } from "../prepare.ts";
import { checkRoom } from "../room.ts";
import { dropSalt } from "../stack-file.ts";
import { readStackSettings } from "../stack-settings.ts";
import { localStackNames, stackExists, stackNames, type Stack } from "../stack.ts";
import type { Steps } from "../steps.ts";
import { destroy } from "./destroy.ts";
import { dockerRunning } from "./docker-running.ts";
import type { PlatformCommands, Sight, TakeDown } from "./host.ts";
import { hasImages, keepImages } from "./kept-images.ts";
import { migrateInContainer } from "./migrate-again.ts";

/** Everything on one Docker engine, which is started where there is none. */
export const docker: PlatformCommands = {
  prepare: async (stack, steps) => {
    const prepared = await prepare(steps);
    const engine = connect(prepared.engine.host);
    return {
      ...prepared,
      isEmpty: false,
      removeUnknown: (_, deployment) => removeUnknown(engine, stack, deployment),
      // The edge keeps a share until a release takes over, which takes it away.
      endCanaries: () => Promise.resolve(0),
      checkRoom: async () => {
        const filters = { label: [`slipway.stack=${stack}`, "slipway.service=edge"] };
        const isUp = (await engine.listContainers({ filters })).length > 0;
        await checkRoom(stack, prepared, isUp ? undefined : readStackSettings(stack, prepared.folders.root)?.edge);
      },
      // The engine builds what it runs, while Pulumi deploys.
      deliver: () => Promise.resolve(),
      faultyLogs: () => faultyLogs(engine, stack),
      ...sightOf(engine),
      migrateAgain: () => migrateInContainer(engine, stack),
      keepImages: (releases) => keepImages(engine, stack, releases),
    };
  },
  sight: async () => {
    const search = await findEngine();
    return "found" in search ? sightOf(connect(search.found.host)) : NO_ENGINE;
  },
  environment: () => ({}),
  reach: (_stack, _folders, { url }) => Promise.resolve({ url, end: () => Promise.resolve() }),
  unmanaged: async ({ name }, _folders, deployment) => {
    const search = await findEngine();
    if (!("found" in search)) return { objects: [], unseen: ["the Docker engine, of which there is none"] };
    return unmanagedOnEngine(connect(search.found.host), name, deployment);
  },
  takeDown,
};

const NO_ENGINE: Sight = {
  running: () => Promise.resolve({ copies: [] }),
  withinApi: () => Promise.resolve(undefined),
  hasImages: () => Promise.resolve(false),
};

function sightOf(engine: Docker): Sight {
  return {
    running: ({ name }, services) => dockerRunning(engine, name, services),
    withinApi: async ({ name }, command) => {
      const api = servingApi(await dockerRunning(engine, name, ["api"]));
      return api && engineOf(engine).exec(api.name, command);
    },
    hasImages: (images) => hasImages(engine, images),
  };
}

/** Backups that are kept are worth nothing without their key, which goes with the stack's state: it goes into the stack's file. */
async function keepBackupKey(stack: Stack, steps: Steps): Promise<void> {
  const key = await stack.generatedSecret("backup-key");
  // The file has one already, or no backup was ever made.
  if (key === undefined) return;
  await stack.setSecret("backupKey", key);
  steps.say(
    `  The key of the backups that are kept is now in Pulumi.${stack.name}.yaml, encrypted: slipway:backupKey.`,
  );
}

async function takeDown(args: TakeDown): Promise<LeftBehind> {
  const { name, folders, steps, keepData } = args;
  const bring = () => preparePulumi(steps, folders);
  const isThere = await stackExists(name, folders, bring);
  const search = await findEngine();
  if (!isThere && !("found" in search)) {
    await dropSalt(name, folders);
    steps.say("  There is no stack and no Docker engine; nothing to take down.");
    return NOTHING_LEFT;
  }
  const plan = await planEngine(askOnTerminal());
  const engine = await steps.run("Docker engine", (report) => startEngine(plan, folders, report));
  if (isThere)
    await destroy(args, keepData ? { change: keepingData, before: (stack) => keepBackupKey(stack, steps) } : {});
  await keepImages(connect(engine.host), name, []);
  // Between its images and its first container another stack would lose what it is about to use.
  // Those of a backend that machines share may run here too, beside those of this machine.
  const known = new Set([...localStackNames(folders), ...(await stackNames(folders, bring))]);
  const others = [...known].filter((other) => other !== name);
  const removed = await steps.run(
    "Leftovers",
    () => removeAll(connect(engine.host), name, { data: keepData, images: others.length > 0 }),
    (counts) =>
      Object.entries(counts)
        .flatMap(([sort, count]) => (count > 0 ? [`${count} ${sort}`] : []))
        .join(", "),
  );
  await dropSalt(name, folders);
  if (removed.images === 0 && others.length > 0) steps.say(`  The images stay for ${others.join(", ")}.`);
  return leftOnEngine(connect(engine.host), name, others);
}
