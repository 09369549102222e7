import { CoreV1Api, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { askInPod, type ClusterPlace } from "../toolchain/platforms/pod-exec.ts";
import type { Inside } from "./rotation-logins.ts";

/** The pods of Postgres and Redis of a stack in a cluster. */
export function insideCluster(place: ClusterPlace): Inside {
  return {
    redisOptions: '--tls --cacert "$SECRETS_DIR/ca.crt"',
    run: (service, script, input) =>
      askInPod({ ...place, pod: `${service}-0`, container: service }, ["/bin/bash", "-c", script], input),
    deployed: (service) => hurry(place, `${service}-0`),
  };
}

/** A kubelet brings changed files within some 90 seconds; and at once into a pod that was changed. */
async function hurry({ config, namespace }: ClusterPlace, name: string): Promise<void> {
  const body = { metadata: { annotations: { "slipway/rotated": new Date().toISOString() } } };
  await config
    .makeApiClient(CoreV1Api)
    .patchNamespacedPod({ name, namespace, body }, setHeaderOptions("Content-Type", PatchStrategy.MergePatch));
}
