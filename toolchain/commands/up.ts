import { deployStack } from "../deploy.ts";
import { Edge } from "../edge.ts";
import { findFolders } from "../folders.ts";
import { checkStackName, runMain } from "../main.ts";
import { platformOf } from "../platforms/platforms.ts";
import { speak } from "../speak.ts";
import { formatSeconds, Steps } from "../steps.ts";
import { makeToken } from "../token.ts";

const USAGE = {
  command: "make up",
  summary:
    "from a clone to a spoken sentence. Brings what is missing onto this machine, deploys the stack, and lets it speak.",
  options: [
    "STACK=name      --stack name   stack to deploy; default dev",
    "ALLOW='a b'     --allow name   data that this may delete or make anew, by the names that a refusal says",
    "SLIPWAY_YES=1                  installs and starts a Docker engine without asking",
    "SLIPWAY_CACHE=folder           where built and fetched programs are kept; default ~/.cache/slipway",
    "SLIPWAY_DEBIAN_IMAGE=name      image to base on; default debian:bookworm-slim",
    "SLIPWAY_DEBIAN_MIRROR=address  mirror to make the base image from where no registry answers",
  ],
  examples: [
    "make up",
    "SLIPWAY_YES=1 make up",
    "make up STACK=cluster",
    "make up STACK=mine",
    "make up STACK=mine ALLOW=backups",
  ],
};

const OPTIONS = {
  stack: { type: "string", default: "dev" },
  allow: { type: "string", multiple: true },
} as const;

await runMain(USAGE, OPTIONS, async ({ values }) => {
  const steps = new Steps();
  const name = checkStackName(values.stack);
  const platform = await platformOf(name, findFolders());
  const host = await platform.prepare(name, steps);
  const stack = await deployStack({ name, host, steps, command: "make up", allow: values.allow ?? [] });
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
