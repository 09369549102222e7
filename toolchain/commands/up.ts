import { join } from "node:path";
import { readManifest } from "../../infra/images/contexts.ts";
import { CommandError, runCommand, UserError, wasInterrupted } from "../command.ts";
import { connect } from "../engine.ts";
import { Edge } from "../edge.ts";
import { faultyLogs, removeUnknown } from "../leftovers.ts";
import { checkStackName, runMain } from "../main.ts";
import { prepare, type Prepared } from "../prepare.ts";
import { checkRoom, readEdge } from "../room.ts";
import { speak } from "../speak.ts";
import { Stack } from "../stack.ts";
import { formatSeconds, Steps } from "../steps.ts";
import { makeToken } from "../token.ts";

const USAGE = {
  command: "make up",
  summary:
    "from a clone to a spoken sentence. Brings what is missing onto this machine, deploys the stack, and lets it speak.",
  options: [
    "STACK=name      --stack name   stack to deploy; default dev",
    "SLIPWAY_YES=1                  installs and starts a Docker engine without asking",
    "SLIPWAY_CACHE=folder           where built and fetched programs are kept; default ~/.cache/slipway",
    "SLIPWAY_DEBIAN_IMAGE=name      image to base on; default debian:bookworm-slim",
    "SLIPWAY_DEBIAN_MIRROR=address  mirror to make the base image from where no registry answers",
  ],
  examples: ["make up", "SLIPWAY_YES=1 make up", "make up STACK=mine"],
};

await runMain(USAGE, { stack: { type: "string", default: "dev" } }, async ({ values }) => {
  const steps = new Steps();
  const stackName = checkStackName(values.stack);
  const prepared = await prepare(steps);
  const stack = new Stack(stackName, prepared.folders, prepared.env);
  await steps.run(
    "Bundles",
    () => bundle(prepared),
    (note) => note,
  );
  await steps.run(
    "Stack",
    (report) => ready(stack, prepared, report),
    (note) => note,
  );
  await steps.run("Deploy", (report) => deploy(stack, prepared, report), changes);
  const { url, docsUrl } = await stack.outputs();
  const edge = new Edge(url, await makeToken(await stack.jwtKeys()));
  const spoken = await steps.run("Speech", (report) => speak(edge, prepared.folders, report));
  process.stdout.write(
    `\n  Speech  ${spoken.path}, ${formatSeconds(spoken.durationSeconds)}, peak ${spoken.peakDbfs.toFixed(1)} dBFS\n` +
      `  API     ${url}\n  Docs    ${docsUrl}\n\n` +
      `A job of your own: curl --header "authorization: Bearer $(make -s token)" --json '{"kind":"sum","params":{"numbers":[1,2]}}' ${url}/api/v1/jobs\n` +
      'Pulumi itself, in this shell: eval "$(make -s env)". Every route: make smoke. Away with it: make down.\n',
  );
});

/** The program bundles what is older than its sources by itself; here a fault of the sources shows before anything is touched. */
async function bundle({ folders, env }: Prepared): Promise<string> {
  if (readManifest(folders.root)) return "nothing new";
  await runCommand(process.execPath, [join(folders.root, "infra/images/bundle.ts")], { cwd: folders.root, env });
  return "made";
}

/** Makes the stack if need be, and heals what a killed deploy left. */
async function ready(stack: Stack, prepared: Prepared, report: (detail: string) => void): Promise<string> {
  const docker = connect(prepared.engine.host);
  const isNew = !stack.exists;
  await stack.create();
  const lock = await stack.unlock(report);
  const deployment = await stack.export();
  const pending = deployment.deployment.pending_operations ?? [];
  const removed = lock === "healed" || pending.length > 0 ? await removeUnknown(docker, stack.name, deployment) : 0;
  if (pending.length > 0) await stack.settle(report);
  const running = await docker.listContainers({
    filters: { label: [`slipway.stack=${stack.name}`, "slipway.service=edge"] },
  });
  await checkRoom(prepared, running.length > 0 ? undefined : readEdge(stack.name, prepared.folders.root));
  if (isNew) return `${stack.name}, new`;
  return lock === "healed" || pending.length > 0
    ? `${stack.name}, healed after a deploy that was killed; ${removed} leftovers removed`
    : stack.name;
}

async function deploy(stack: Stack, { engine }: Prepared, report: (detail: string) => void): Promise<string> {
  try {
    return await stack.deploy(report);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (wasInterrupted())
      throw new UserError("Interrupted. Pulumi has written down how far it came; make up goes on from there.");
    const logs = await faultyLogs(connect(engine.host), stack.name);
    throw new UserError(logs === "" ? error.message : `${error.message}\n\n${logs}`);
  }
}

/** `+ 23 created, 1 unchanged` from the end of what Pulumi prints. */
function changes(output: string): string | undefined {
  const counts = [...output.matchAll(/^\s+(?:[+~-]+ )?(\d+ (?:created|updated|deleted|replaced|unchanged))$/gm)];
  return counts.length === 0 ? undefined : counts.map((found) => found[1]).join(", ");
}
