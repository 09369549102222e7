/** A pod, as far as its readiness goes. */
export interface ConditionedPod {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Whether a pod takes requests, by its readiness check. */
export function isReady({ status }: ConditionedPod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
}
