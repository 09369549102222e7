/** The program that Pulumi's engine starts: it prints its port and serves until it is ended. */
import { readFileSync } from "node:fs";
import { KubernetesProvider, serve } from "./server.ts";

/** Version of the package that programs use: what the plugin stands in for. */
function packageVersion(): string {
  const path = new URL("../../../node_modules/@pulumi/kubernetes/package.json", import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

/** An engine that is killed tells nobody: this process would hold its 100 MB for ever. In milliseconds. */
const LOOK_EVERY_MS = 2000;
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit();
}, LOOK_EVERY_MS).unref();

const engine = process.argv.slice(2).find((argument) => !argument.startsWith("-"));
const { port } = await serve(new KubernetesProvider(packageVersion(), engine));
process.stdout.write(`${port}\n`);
