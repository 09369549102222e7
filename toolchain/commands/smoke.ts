import { Edge } from "../edge.ts";
import { findFolders } from "../folders.ts";
import { checkStackName, runMain } from "../main.ts";
import type { Reached } from "../platforms/host.ts";
import { openStack, platformOf } from "../platforms/platforms.ts";
import { smoke } from "../smoke.ts";
import { Steps } from "../steps.ts";
import { makeToken } from "../token.ts";

const USAGE = {
  command: "make smoke",
  summary: "asks the running stack what clients ask it for, and exits with 1 when one does not answer as it must.",
  options: [
    "STACK=name  --stack name    stack to ask; default dev",
    "            --url address   asks there, without Pulumi",
    "SLIPWAY_TOKEN=text          token for --url; with a stack one is made",
    "JSON=1      --json          one JSON document on standard output",
  ],
  examples: [
    "make smoke",
    "make smoke JSON=1",
    "SLIPWAY_TOKEN=$(make -s token) node toolchain/commands/smoke.ts --url http://127.0.0.1:8080",
  ],
};

const OPTIONS = {
  stack: { type: "string", default: "dev" },
  url: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

await runMain(USAGE, OPTIONS, async ({ values }) => {
  const { url, token, end } =
    values.url === undefined
      ? await stackAccess(checkStackName(values.stack))
      : { url: values.url, token: process.env["SLIPWAY_TOKEN"], end: () => Promise.resolve() };
  const results = await smoke(new Edge(url, token), (result) => {
    if (values.json) return;
    process.stdout.write(
      `${result.ok ? "✓" : "✗"} ${result.route.padEnd(34)} ${result.milliseconds.toFixed(0).padStart(6)} ms  ${result.detail}\n`,
    );
  });
  await end();
  if (values.json) process.stdout.write(`${JSON.stringify({ url, results }, null, 2)}\n`);
  if (results.some(({ ok }) => !ok)) process.exitCode = 1;
});

async function stackAccess(name: string): Promise<Reached & { readonly token: string }> {
  const folders = findFolders();
  const stack = await openStack(name, folders, new Steps());
  const { reach } = await platformOf(name, folders);
  const [outputs, keys] = [await stack.outputs(), await stack.jwtKeys()];
  return { ...(await reach(stack, folders, outputs)), token: await makeToken(keys) };
}
