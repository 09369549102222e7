import type { RuntimeConfig } from "../../configs/runtime.ts";
import { openDatabase } from "../../jobs/database.ts";
import { startHealthServer } from "../../jobs/health-server.ts";
import type { Logger } from "../../jobs/log.ts";
import { SCHEMA_LEVEL } from "../../jobs/schema-level.ts";
import { createCloseStack, type Service } from "../../jobs/process.ts";
import { openClusterApi } from "./cluster-api.ts";
import { startMarking } from "./marking.ts";

/** Starts the marker of busy workers: health routes at once; ready while its last look went well. */
export async function startMarker(config: RuntimeConfig<"marker">, log: Logger): Promise<Service> {
  const stack = createCloseStack(log);
  const database = openDatabase({ ...config, schemaLevel: SCHEMA_LEVEL }, log);
  stack.add("database", () => database.end());
  const cluster = openClusterApi({
    host: config.KUBERNETES_SERVICE_HOST,
    port: config.KUBERNETES_SERVICE_PORT,
    folder: config.CLUSTER_ACCESS_DIR,
  });
  stack.add("cluster", async () => {
    cluster.close();
  });
  const marking = startMarking({ database, cluster, log, services: config.MARKED_SERVICES });
  stack.add("marking", () => marking.close());
  try {
    const server = await startHealthServer({ host: config.HOST, port: config.PORT }, async () => marking.failing());
    stack.add("health routes", () => server.close());
  } catch (error) {
    await stack.close();
    throw error;
  }
  log.info({ services: config.MARKED_SERVICES, port: config.PORT }, "marks busy workers");
  return { stop: () => stack.close() };
}
