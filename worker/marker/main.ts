/**
 * Marks the pods of busy workers in a Kubernetes cluster, so that scale-down takes idle ones away first.
 *
 *     node worker/marker/main.ts
 *
 * Exit: 0 stopped, 1 failed, 78 wrong configuration.
 */
import { loadRuntime } from "../../configs/runtime.ts";
import { createLog } from "../../jobs/log.ts";
import { loadOrExit, runService } from "../../jobs/process.ts";
import { startMarker } from "./start-marker.ts";

const config = loadOrExit((env) => loadRuntime("marker", env));
const log = createLog("marker", config.logLevel);
await runService(log, config.DRAIN_SECONDS, () => startMarker(config, log));
