/**
 * The worker's process: command line, configuration, log, signals.
 * Exit: 0 stopped, 1 failed, 2 wrong command line or not on this system, 78 wrong configuration.
 */
import { createLog } from "../jobs/log.ts";
import { runService } from "../jobs/process.ts";
import { launch } from "./launch.ts";
import { startWorker } from "./start-worker.ts";
import { VERSION } from "./version.ts";

const launched = launch({
  args: process.argv.slice(2),
  env: process.env,
  platform: process.platform,
  version: VERSION,
});
if (launched.is === "end") {
  const stream = launched.status === 0 ? process.stdout : process.stderr;
  stream.write(launched.text);
  process.exitCode = launched.status;
} else {
  const { config } = launched;
  process.stdout.write(launched.echo);
  const log = createLog("worker", config.logLevel, { everyTurn: true });
  await runService(log, config.DRAIN_SECONDS, (stopped) => startWorker(config, log, stopped));
}
