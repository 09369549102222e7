import type { RealCluster } from "../cluster/real-cluster.ts";

interface Asked {
  /** Such as `system:serviceaccount:NAMESPACE:NAME`. */
  readonly account: string;
  readonly namespace: string;
  readonly verb: string;
  /** Such as `pods` or `pods/eviction`. */
  readonly what: string;
}

/** Whether an account may do something: `yes`, `no`, or what went wrong. A subresource is an option of its own: after a slash stands a name. */
export function mayDo({ kubectl }: RealCluster, { account, namespace, verb, what }: Asked): Promise<string> {
  const [resource = "", subresource] = what.split("/");
  const of = [resource, ...(subresource === undefined ? [] : [`--subresource=${subresource}`])];
  return kubectl("auth", "can-i", verb, ...of, `--as=${account}`, `--namespace=${namespace}`).then(
    (said) => said.trim(),
    (error: unknown) => (/\bno\b/.test(String(error)) ? "no" : String(error)),
  );
}
