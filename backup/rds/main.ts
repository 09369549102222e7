/**
 * Tries a restore of a database of RDS, or says what one would lose.
 *
 *     node backup/rds/main.ts drill
 *     node backup/rds/main.ts losses 2026-11-29T02:30:00Z
 *
 * Lines of JSON on standard output, as the backup agent's. Exit: see {@link EXIT}, and 78 for a wrong configuration.
 */
import { RDSClient } from "@aws-sdk/client-rds";
import { loadRuntime, type RuntimeConfig } from "../../configs/runtime.ts";
import { createLog } from "../../jobs/log.ts";
import { reasonOf } from "../../jobs/patience.ts";
import { loadOrExit } from "../../jobs/process.ts";
import { Busy } from "../lock.ts";
import { countLosses } from "../losses.ts";
import { EXIT } from "../protocol.ts";
import { drillOnRds } from "./drill.ts";
import { TemporaryInstance } from "./instance.ts";
import { withServing } from "./serving.ts";

const USAGE = "drill, or losses MOMENT, such as losses 2026-11-29T02:30:00Z";

function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function refuse(got: string): never {
  process.stderr.write(`drill: got ${got}; allowed: ${USAGE}\n`);
  process.exit(EXIT.usage);
}

function momentOf(text = ""): Date {
  const moment = new Date(text);
  return Number.isNaN(moment.getTime()) ? refuse(`the moment ${JSON.stringify(text)}`) : moment;
}

async function drill(config: RuntimeConfig<"drill">): Promise<unknown> {
  const log = createLog("drill", config.logLevel, { onStderr: true });
  const stopped = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const)
    process.on(name, () => {
      stopped.abort(new Error(`${name} received: stopped; what was made is removed, at the latest by the next drill`));
    });
  const client = new RDSClient({});
  const { DRILL_SOURCE: source, DRILL_INSTANCE: name, DRILL_TAGS: tags } = config;
  const common = { log, signal: stopped.signal };
  try {
    const instance = new TemporaryInstance({ client, source, name, tags, ...common });
    return await drillOnRds({ config, instance, onProgress: say, ...common });
  } finally {
    client.destroy();
  }
}

function workOf([word, moment, ...more]: readonly string[]): (config: RuntimeConfig<"drill">) => Promise<unknown> {
  if (more.length > 0) refuse(JSON.stringify(more[0]));
  if (word === "drill" && moment === undefined) return drill;
  if (word !== "losses") refuse(JSON.stringify(word ?? "nothing"));
  const after = momentOf(moment);
  return (config) => withServing(config, (client) => countLosses(client, after));
}

const work = workOf(process.argv.slice(2));
const config = loadOrExit((env) => loadRuntime("drill", env));
try {
  say({ event: "result", result: await work(config) });
} catch (error) {
  say({ event: "failure", message: reasonOf(error) });
  // What was under way when it was told to end holds nothing any more.
  process.exit(error instanceof Busy ? EXIT.busy : EXIT.failed);
}
