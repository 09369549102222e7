import type { ProgramSpec } from "../contract.ts";
import type { Cluster } from "./cluster.ts";
import type { S3Objects } from "./objects.ts";
import type { AwsAccount, AwsPlace } from "./place.ts";
import { podIdentity, type PodIdentity } from "./pod-identity.ts";

export interface ObjectRolesArgs {
  /** Programs by name, which is their service account's too, and what each does with artifacts. */
  readonly programs: readonly Pick<ProgramSpec, "name" | "objects">[];
  /** Namespace of them all. */
  readonly namespace: string;
  readonly bucket: Pick<S3Objects, "readPolicy" | "writePolicy">;
  readonly cluster: Pick<Cluster, "name" | "arn">;
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

/** A role for the pods of each program that reads or writes artifacts. Whoever has none reaches no bucket. */
export function objectRoles({ programs, bucket, ...common }: ObjectRolesArgs): readonly PodIdentity[] {
  const policies = { read: bucket.readPolicy, write: bucket.writePolicy };
  return programs.flatMap(({ name, objects }) =>
    objects === "none"
      ? []
      : [
          podIdentity({
            ...{ name: `objects-${name}`, description: `Artifacts for ${name}`, serviceAccount: name },
            ...{ policy: policies[objects], ...common },
          }),
        ],
  );
}
