import type { StackFields } from "./stack-fields.ts";

/** Where in a stack's file, by the path without `slipway:`, and what must be there. */
type Fault = readonly [path: string, message: string];

/** Whether a stack brings KEDA into its cluster: its own on AWS unless it says otherwise, one that exists where it says so. */
export function bringsKeda({ platform, kubernetes }: Pick<StackFields, "platform" | "kubernetes">): boolean {
  const { autoscaler = "auto", keda } = kubernetes ?? {};
  const isWanted = autoscaler === "keda" || autoscaler === "auto";
  return platform !== "docker" && isWanted && (keda?.install ?? platform === "aws");
}

/** What KEDA's keys say against each other, wherever there are pods. */
export function kedaFaults(stack: Pick<StackFields, "platform" | "kubernetes">): readonly Fault[] {
  const { autoscaler, keda, images } = stack.kubernetes ?? {};
  const faults: Fault[] = [];
  if (keda?.install === true && (autoscaler === "hpa" || autoscaler === "none"))
    faults.push([
      "kubernetes.keda.install",
      `must be left out where autoscaler is ${autoscaler}: KEDA would do nothing`,
    ]);
  if (stack.platform === "aws" && keda?.install === false && autoscaler === "keda")
    faults.push([
      "kubernetes.keda.install",
      "must be left out where platform is aws and autoscaler is keda: nobody else brings KEDA into the stack's own cluster. Or set kubernetes.autoscaler: hpa",
    ]);
  if (!bringsKeda(stack)) return faults;
  for (const key of ["kedaOperator", "kedaMetricsServer"] as const)
    if (images?.[key] === undefined)
      faults.push([
        `kubernetes.images.${key}`,
        "must name KEDA's image where the stack brings KEDA; without KEDA, set kubernetes.autoscaler: hpa",
      ]);
  return faults;
}
