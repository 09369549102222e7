import { createHash } from "node:crypto";
import { Client } from "./client.ts";
import type { Settings } from "./configure.ts";
import type { EngineLog } from "./engine-log.ts";
import { isSecret, kindOf, setting, type Identity, type Kind } from "./objects.ts";
import { textAt, without, type JsonObject, type Path } from "./wire.ts";

/** One engine and one cluster, from Configure to Cancel. */
export interface Session {
  readonly settings: Settings;
  /** Undefined while the kubeconfig is not known. */
  readonly client: Client | undefined;
  readonly log: EngineLog;
  /** Ends all waits. */
  readonly cancelled: AbortSignal;
}

export function openSession(settings: Settings, log: EngineLog, cancelled: AbortSignal): Session {
  const { kubeconfig, source } = settings;
  return { settings, log, cancelled, client: kubeconfig && new Client(kubeconfig, source) };
}

/** Which object of the cluster a manifest is. @throws UnknownKind */
export async function identify(client: Client, object: JsonObject, urn: string, namespace: string): Promise<Identity> {
  const kind = kindOf(object, urn);
  const name = textAt(object, "metadata", "name") ?? "";
  if (!(await client.isNamespaced(kind))) return { ...kind, name };
  return { ...kind, name, namespace: textAt(object, "metadata", "namespace") ?? namespace };
}

/** Who owns the fields of a resource: a name of its own, so that two stacks on one object meet as a conflict. */
export function fieldManagerOf(urn: string, old?: JsonObject): string {
  return (
    textAt(old, FIELD_MANAGER) ?? `pulumi-kubernetes-${createHash("sha256").update(urn).digest("hex").slice(0, 8)}`
  );
}

const FIELD_MANAGER = "__fieldManager";
const FIRST_VERSION = "__initialApiVersion";

/** Whether fields that others hold are taken from them. */
export function isForced(object: JsonObject): boolean {
  return setting(object, "patchForce") === "true";
}

/** An object as it goes into the state: without what changes all by itself, and with what the next update needs. */
export function checkpoint(object: JsonObject, fieldManager: string): JsonObject {
  const stable = without(object, [
    ["metadata", "managedFields"],
    ["metadata", "resourceVersion"],
  ]);
  return { ...stable, [FIELD_MANAGER]: fieldManager, [FIRST_VERSION]: object["apiVersion"] ?? null };
}

/** Parts of an object that are secret: those of its inputs, and whatever a Secret holds. */
export function secretsOf(kind: Kind, inputs: readonly Path[]): Path[] {
  return isSecret(kind) ? [...inputs, ["data"], ["stringData"]] : [...inputs];
}
