import { PriorityClass } from "@pulumi/kubernetes/scheduling/v1/priorityClass.js";
import type { Output } from "@pulumi/pulumi";
import { options, stackLabels, type Place } from "./place.ts";

/** Who goes first where nodes are full. Workers take nobody's place: their jobs wait in Postgres. */
const CLASSES = {
  data: { value: 300_000, preemptionPolicy: "PreemptLowerPriority" },
  api: { value: 200_000, preemptionPolicy: "PreemptLowerPriority" },
  worker: { value: 100_000, preemptionPolicy: "Never" },
} as const satisfies Record<string, { readonly value: number; readonly preemptionPolicy: string }>;

export type PriorityName = keyof typeof CLASSES;

/** The classes of a stack, by what they are for. They belong to the whole cluster, so the namespace is part of the name. */
export function priorityClasses(namespace: string, place: Place): Readonly<Record<PriorityName, Output<string>>> {
  const made = (name: PriorityName): Output<string> =>
    new PriorityClass(
      `priority-${name}`,
      { metadata: { name: `${namespace}-${name}`, labels: stackLabels() }, globalDefault: false, ...CLASSES[name] },
      options(place),
    ).metadata.name;
  return { data: made("data"), api: made("api"), worker: made("worker") };
}
