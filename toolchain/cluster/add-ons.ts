import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../configs/message.ts";
import type { AddOn } from "./add-on.ts";
import { apiName, servedApi } from "./aggregation.ts";
import type { Cluster } from "./access.ts";
import type { Programs } from "./components.ts";
import { startDaemon, stopDaemon } from "./daemon.ts";
import { keda } from "./keda.ts";
import type { Layout } from "./layout.ts";
import { metricsServer } from "./metrics-server.ts";
import { simulatedNodes } from "./simulated-nodes.ts";

/** Seconds until the API server must have taken up a definition, and have found a program that answers a part of the API. */
const API_SECONDS = 60;

/** Everything that runs beside the cluster. */
export function addOns(layout: Layout, programs: Programs): AddOn[] {
  return [keda(layout, programs), metricsServer(layout, programs), simulatedNodes(layout, programs)];
}

/**
 * Starts what runs beside a cluster, all at once: they wait for the cluster, not for each other.
 *
 * @throws UserError with the end of the log of the one that does not start
 */
export async function startAddOns(cluster: Cluster, programs: Programs): Promise<void> {
  await Promise.all(addOns(cluster.layout, programs).map((one) => start(cluster, one)));
}

async function start(
  { layout, kubectl, apply }: Cluster,
  { definitions, objects, apis, daemons }: AddOn,
): Promise<void> {
  const all = [...objects, ...apis.flatMap((api) => servedApi(layout, api))];
  if (definitions !== undefined) {
    const files = `--filename=${definitions}`;
    // Too large for the annotation that `apply` leaves by itself.
    await kubectl("apply", "--server-side", files);
    await established(kubectl, files);
  }
  if (all.length > 0) await apply(all);
  await Promise.all(daemons.map((daemon) => startDaemon(layout.run, daemon)));
  const names = apis.map((api) => `apiservice/${apiName(api)}`);
  if (names.length > 0) await kubectl("wait", ...names, "--for=condition=Available", `--timeout=${API_SECONDS}s`);
}

/** Waits for definitions. Where one has no conditions yet, which is `null` and no list, kubectl does not wait but fails. */
export async function established(kubectl: Cluster["kubectl"], files: string): Promise<void> {
  const deadline = performance.now() + API_SECONDS * 1000;
  for (;;) {
    try {
      await kubectl("wait", files, "--for=condition=Established", `--timeout=${API_SECONDS}s`);
      return;
    } catch (error) {
      if (!messageOf(error).includes("conditions accessor error") || performance.now() > deadline) throw error;
      await sleep(200);
    }
  }
}

/**
 * Takes away one of what runs beside a cluster, with its kinds and its part of the API: a test brings another. `startAddOns` brings it back.
 */
export async function stopAddOn(
  { layout, kubectl }: Cluster,
  { definitions, objects, apis, daemons }: AddOn,
): Promise<void> {
  const gone = (...what: readonly string[]) => kubectl("delete", ...what, "--ignore-not-found", "--timeout=60s");
  // Kinds first: whoever runs takes its marks from their objects.
  if (definitions !== undefined) await gone(`--filename=${definitions}`);
  for (const daemon of daemons) await stopDaemon(layout.run, daemon);
  for (const api of apis) {
    await gone("apiservice", apiName(api));
    await gone("service", api.service, `--namespace=${api.namespace}`);
  }
  for (const { kind, metadata } of objects as readonly Named[]) await gone(kind.toLowerCase(), metadata.name);
}

/** An object of no namespace. */
interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}
