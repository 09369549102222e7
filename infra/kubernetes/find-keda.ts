import { request as requestPlain } from "node:http";
import { request, type RequestOptions } from "node:https";
import { messageOf } from "../../configs/message.ts";
import { StackConfigError } from "../../configs/stack.ts";
import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import { clusterClient, type Where } from "./cluster-client.ts";

/** How long the cluster may take to answer, in milliseconds: a preview waits for it. */
const TIMEOUT_MS = 5000;

/** What a cluster with KEDA answers there, whoever brought it, and to everybody who may ask it anything. */
const KEDA_API = "/apis/keda.sh/v1alpha1";

/** Whether KEDA is in a cluster; or why that is not known. */
export type Found = { readonly hasKeda: boolean } | { readonly why: string };

/** Asks a cluster once for KEDA's part of its API. */
export async function findKeda(where: Where): Promise<Found> {
  try {
    const kubeconfig = await clusterClient(where);
    const server = kubeconfig.getCurrentCluster()?.server;
    if (server === undefined)
      return { why: `its kubeconfig has no cluster in the context ${where.context ?? "that is current"}` };
    const options: RequestOptions = { method: "GET", timeout: TIMEOUT_MS, headers: { accept: "application/json" } };
    await kubeconfig.applyToHTTPSOptions(options);
    const status = await statusOf(new URL(server.replace(/\/$/, "") + KEDA_API), options);
    if (status === 200 || status === 404) return { hasKeda: status === 200 };
    return { why: `it answers ${status} to whoever the kubeconfig is of` };
  } catch (error) {
    return { why: messageOf(error) };
  }
}

function statusOf(url: URL, options: RequestOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = (url.protocol === "http:" ? requestPlain : request)(url, options, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    asked.on("error", reject);
    asked.end();
  });
}

export interface Decision {
  /** Whether workers may be KEDA's. */
  readonly hasKeda: boolean;
  /** What people should know of it. */
  readonly note?: string;
}

/**
 * Whether KEDA is there to scale, before anything is made: a ScaledObject in a cluster without its kind would fail when half of the stack stands.
 *
 * @param stack the stack's name, for messages
 * @param find  asks the cluster; not asked where nothing depends on it
 * @throws StackConfigError where the file wants KEDA and the cluster has none, or `auto` and nobody answers
 */
export async function decideKeda(
  stack: string,
  { autoscaler, keda }: Pick<KubernetesSettings, "autoscaler" | "keda">,
  find: () => Promise<Found>,
): Promise<Decision> {
  if (autoscaler === "hpa" || autoscaler === "none" || keda.install === true) return { hasKeda: false };
  const found = await find();
  if ("why" in found) {
    // Whoever makes the objects says it too, and of all of them.
    if (autoscaler === "keda") return { hasKeda: true };
    throw fault(
      stack,
      `"auto", and the cluster cannot be asked whether it has KEDA: ${found.why}. Start it, correct kubernetes.kubeconfig or kubernetes.context, ` +
        "or say keda, hpa or none",
    );
  }
  if (found.hasKeda) return found;
  if (autoscaler === "keda")
    throw fault(
      stack,
      '"keda", and the cluster has no KEDA (keda.sh/v1alpha1). Install KEDA, let the stack bring it (kubernetes.keda.install: true), or set ' +
        "hpa, auto or none",
    );
  return {
    hasKeda: false,
    note: "slipway:kubernetes.autoscaler is auto, and the cluster has no KEDA: workers go by CPU, and never to none. kubernetes.keda.install brings it.",
  };
}

function fault(stack: string, what: string): StackConfigError {
  return new StackConfigError(`Pulumi.${stack}.yaml`, [`slipway:kubernetes.autoscaler is ${what}.`]);
}
