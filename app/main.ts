/** The API's process: configuration, log, signals. Exit: 0 stopped, 1 failed, 78 wrong configuration. */
import { loadRuntime } from "../configs/runtime.ts";
import { createLog } from "../jobs/log.ts";
import { loadOrExit, runService } from "../jobs/process.ts";
import { startApi } from "./start-api.ts";

const config = loadOrExit((env) => loadRuntime("api", env));
const log = createLog("api", config.logLevel, { everyTurn: true });
await runService(log, config.DRAIN_SECONDS, (stopped) => startApi(config, log, stopped));
