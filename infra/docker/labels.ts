import { getProject, getStack } from "@pulumi/pulumi";

/** Label that says whose an object is; `make down` and the drift report go by it. */
export const PROJECT_LABEL = "slipway.project";
export const STACK_LABEL = "slipway.stack";
export const SERVICE_LABEL = "slipway.service";
/** On volumes that hold what cannot be made again. */
export const DATA_LABEL = "slipway.data";

export interface Label {
  readonly label: string;
  readonly value: string;
}

/** The labels of every object of a stack, and what is said of this one. */
export function labels(more: Readonly<Record<string, string>> = {}): Label[] {
  return Object.entries({ [PROJECT_LABEL]: getProject(), [STACK_LABEL]: getStack(), ...more })
    .map(([label, value]) => ({ label, value }))
    .sort((a, b) => (a.label < b.label ? -1 : 1));
}
