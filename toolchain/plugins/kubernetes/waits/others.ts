import { at, isObject, objectsAt, textAt, type JsonObject } from "../wire.ts";
import { failed, READY, waiting, type Wait } from "./judgement.ts";

const ENDPOINT_SLICE = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" };
const STORAGE_CLASS = { apiVersion: "storage.k8s.io/v1", kind: "StorageClass" };

/** A Service that selects pods is ready when one of them serves, and one with a balancer when that has an address. */
export const SERVICE: Wait = {
  seconds: 600,
  related: async (client, object) => {
    if (!isFed(object)) return [];
    const [namespace, name] = [textAt(object, "metadata", "namespace") ?? "", textAt(object, "metadata", "name") ?? ""];
    return client.list(ENDPOINT_SLICE, namespace, { "kubernetes.io/service-name": name });
  },
  judge: ({ object, pods: slices }) => {
    const endpoints = slices.flatMap((slice) => objectsAt(slice, "endpoints"));
    const serves = endpoints.some((endpoint) => at(endpoint, ["conditions", "ready"]) !== false);
    if (isFed(object) && !serves) return waiting("a pod that serves it");
    const balanced = objectsAt(object, "status", "loadBalancer", "ingress").length > 0;
    return textAt(object, "spec", "type") === "LoadBalancer" && !balanced
      ? waiting("the address of its load balancer")
      : READY;
  },
};

/** Whether endpoints come by its selector; a headless one may have none. */
function isFed(object: JsonObject): boolean {
  const selector = at(object, ["spec", "selector"]);
  const isHeadless = textAt(object, "spec", "clusterIP") === "None";
  return (
    isObject(selector) &&
    Object.keys(selector).length > 0 &&
    !isHeadless &&
    textAt(object, "spec", "type") !== "ExternalName"
  );
}

/** A claim is ready when it is bound, unless its class waits for the first pod that uses it. */
export const CLAIM: Wait = {
  seconds: 300,
  related: async (client, object) => {
    const name = textAt(object, "spec", "storageClassName");
    const found = name === undefined ? undefined : await client.get({ ...STORAGE_CLASS, name });
    return found ? [found] : [];
  },
  judge: ({ object, pods: [storageClass] }) => {
    const phase = textAt(object, "status", "phase");
    if (phase === "Lost") return failed("its volume is lost");
    if (phase === "Bound" || textAt(storageClass, "volumeBindingMode") === "WaitForFirstConsumer") return READY;
    return waiting("a volume");
  },
};

/** A definition of kinds is ready when the server answers for them. */
export const DEFINITION: Wait = {
  seconds: 60,
  judge: ({ object }) => {
    const established = objectsAt(object, "status", "conditions").find(({ type }) => type === "Established");
    return established?.["status"] === "True" ? READY : waiting("the server to take it up");
  },
};

/** A namespace is ready when its default account is there: pods cannot be made before. */
export const NAMESPACE: Wait = {
  seconds: 60,
  related: async (client, object) => {
    const account = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      namespace: textAt(object, "metadata", "name") ?? "",
      name: "default",
    };
    const found = await client.get(account);
    return found ? [found] : [];
  },
  judge: ({ pods: [account] }) => (account ? READY : waiting("its default account")),
};
