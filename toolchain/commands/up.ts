import { join } from "node:path";
import { readManifest } from "../../infra/images/contexts.ts";
import { CommandError, runCommand, UserError, wasInterrupted } from "../command.ts";
import { Edge } from "../edge.ts";
import { findFolders } from "../folders.ts";
import { checkStackName, runMain } from "../main.ts";
import type { Host } from "../platforms/host.ts";
import { platformOf } from "../platforms/platforms.ts";
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
  examples: ["make up", "SLIPWAY_YES=1 make up", "make up STACK=cluster", "make up STACK=mine"],
};

await runMain(USAGE, { stack: { type: "string", default: "dev" } }, async ({ values }) => {
  const steps = new Steps();
  const name = checkStackName(values.stack);
  const platform = await platformOf(name, findFolders());
  const host = await platform.prepare(name, steps);
  const stack = new Stack(name, host.folders, host.env);
  const note = (text: string) => text;
  await steps.run("Bundles", () => bundle(host), note);
  await host.deliver(steps);
  await steps.run("Stack", (report) => ready(stack, host, report), note);
  await steps.run("Deploy", (report) => deploy(stack, host, report), changes);
  const outputs = await stack.outputs();
  const reached = await platform.reach(stack, host.folders, outputs);
  try {
    const edge = new Edge(reached.url, await makeToken(await stack.jwtKeys()));
    const spoken = await steps.run("Speech", (report) => speak(edge, host.folders, report));
    process.stdout.write(
      `\n  Speech  ${spoken.path}, ${formatSeconds(spoken.durationSeconds)}, peak ${spoken.peakDbfs.toFixed(1)} dBFS\n` +
        `  API     ${outputs.url}\n${await docsLine(edge, outputs.url)}\n` +
        nextSteps(name, outputs.url, reached.url === outputs.url),
    );
  } finally {
    await reached.end();
  }
});

async function docsLine(edge: Edge, url: string): Promise<string> {
  const docs = await edge.docsPath();
  return docs === undefined ? "" : `  Docs    ${url}${docs}\n`;
}

/** @param isNear whether this machine reaches the API by the address that the stack puts out */
function nextSteps(stack: string, url: string, isNear: boolean): string {
  const option = stack === "dev" ? "" : ` STACK=${stack}`;
  const job = `'{"kind":"sum","params":{"numbers":[1,2]}}'`;
  return (
    (isNear ? "" : `The API answers within the cluster. From here, until ^C: make forward${option}\n`) +
    `A job of your own: curl --header "authorization: Bearer $(make -s token${option})" --json ${job} ${isNear ? url : "http://127.0.0.1:8080"}/api/v1/jobs\n` +
    `Pulumi itself, in this shell: eval "$(make -s env${option})". Every route: make smoke${option}. Away with it: make down${option}.\n`
  );
}

/** The program bundles what is older than its sources by itself; here a fault of the sources shows before anything is touched. */
async function bundle({ folders, env }: Host): Promise<string> {
  if (readManifest(folders.root)) return "nothing new";
  await runCommand(process.execPath, [join(folders.root, "infra/images/bundle.ts")], { cwd: folders.root, env });
  return "made";
}

/** Makes the stack if need be, and heals what a killed deploy left. */
async function ready(stack: Stack, host: Host, report: (detail: string) => void): Promise<string> {
  const isNew = !stack.exists;
  await stack.create();
  const lock = await stack.unlock(report);
  const deployment = await stack.export();
  const hasPending = (deployment.deployment.pending_operations ?? []).length > 0;
  const removed = lock === "healed" || hasPending ? await host.removeUnknown(deployment) : 0;
  // What is gone with its platform is made again, not changed.
  const isStale = host.isEmpty && (deployment.deployment.resources ?? []).length > 0;
  if (hasPending || isStale) await stack.settle(report);
  await host.checkRoom();
  if (isNew) return `${stack.name}, new`;
  if (isStale) return `${stack.name}, whose platform was taken down; all of it is made again`;
  return lock === "healed" || hasPending
    ? `${stack.name}, healed after a deploy that was killed; ${removed} leftovers removed`
    : stack.name;
}

async function deploy(stack: Stack, host: Host, report: (detail: string) => void): Promise<string> {
  try {
    return await stack.deploy(report);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (wasInterrupted())
      throw new UserError("Interrupted. Pulumi has written down how far it came; make up goes on from there.");
    const logs = await host.faultyLogs();
    throw new UserError(logs === "" ? error.message : `${error.message}\n\n${logs}`);
  }
}

/** `+ 23 created, 1 unchanged` from the end of what Pulumi prints. */
function changes(output: string): string | undefined {
  const counts = [...output.matchAll(/^\s+(?:[+~-]+ )?(\d+ (?:created|updated|deleted|replaced|unchanged))$/gm)];
  return counts.length === 0 ? undefined : counts.map((found) => found[1]).join(", ");
}
