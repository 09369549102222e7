/** The worker's process: configuration, log, signals. Exit: 0 stopped, 1 failed, 2 not on this system, 78 wrong configuration. */
import { loadRuntime } from "../configs/runtime.ts";
import { createLog } from "../jobs/log.ts";
import { loadOrExit, runService } from "../jobs/process.ts";
import { startWorker } from "./start-worker.ts";

const EXIT_WRONG_SYSTEM = 2;

if (process.platform === "win32") {
  process.stderr.write("worker: got Windows, allowed: a POSIX system. Run it in a container or under WSL.\n");
  process.exit(EXIT_WRONG_SYSTEM);
}

const config = loadOrExit((env) => loadRuntime("worker", env));
const log = createLog("worker", config.logLevel);
await runService(log, config.DRAIN_SECONDS, (stopped) => startWorker(config, log, stopped));
