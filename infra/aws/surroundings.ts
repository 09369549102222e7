import type { AwsSettings } from "../../configs/aws-settings.ts";
import { namespaceName } from "../kubernetes/platform.ts";
import type { ClusterConfig } from "../kubernetes/settings.ts";
import type { Surroundings } from "../kubernetes/surroundings.ts";
import type { PoolPlan } from "../plan/node-pools.ts";
import type { DataServices } from "./data-services.ts";
import type { Foundation } from "./foundation.ts";
import { drillAlarms } from "./alarms.ts";
import { images } from "./images.ts";
import { DRILL } from "../services.ts";
import { drillRole } from "./drill-role.ts";
import { drilledDatabase } from "./drilled-database.ts";
import { masterRole } from "./master-role.ts";
import { gpuDivisions, nodeChoice } from "./node-choice.ts";
import { objectRoles } from "./object-roles.ts";
import type { AwsPlace } from "./place.ts";
import { NODE_PORT } from "./public-edge.ts";

export interface SurroundingsArgs {
  /** Of `awsClusterConfig`. */
  readonly config: ClusterConfig;
  readonly settings: AwsSettings;
  /** Of `planNodePools`. */
  readonly pools: readonly PoolPlan[];
  readonly base: Foundation;
  readonly data: DataServices;
  readonly place: AwsPlace;
}

/** Programs whose pods may have roles, by what they do with artifacts. */
const ARTIFACTS = { api: "read", "worker-cpu": "write", "worker-gpu": "write" } as const;

/** What a stack on AWS brings along for the platform in its cluster: data services, images, nodes, and who may do what of AWS. */
export function surroundings({ config, settings, pools, base, data, place }: SurroundingsArgs): Surroundings {
  const { cache, objects, registry, s3, rds } = data;
  const drilled = drilledDatabase(rds.identifier, place);
  const inNamespace = { namespace: namespaceName(config), cluster: base.cluster, account: base.account, place };
  const roles = objectRoles({
    programs: Object.entries(ARTIFACTS).map(([name, access]) => ({ name, objects: access })),
    ...{ bucket: s3, ...inNamespace },
  });
  const master = masterRole({ secretArn: rds.masterSecretArn, keyArn: base.keys.secrets, ...inNamespace });
  const drills = drillRole({
    ...{
      source: rds.arn,
      temporary: drilled.temporary,
      groups: rds.groups,
      keyArn: base.keys.database,
      ...inNamespace,
    },
  });
  const { alarms, backup } = settings.data;
  drillAlarms({ settings: alarms, temporary: drilled.temporary, drillDays: backup.drillDays, place });
  return {
    database: { ...data.database, is: { ...data.database.is, masterSecret: rds.masterSecretArn, drilled } },
    ...{ cache, objects },
    // Secrets Manager, RDS and credentials are reached as S3 and those for it are.
    peers: [
      { name: "prepare-to-secrets", clients: ["prepare"], peers: objects.peers },
      { name: "drill-to-rds", clients: [DRILL], peers: objects.peers },
    ],
    images: images({ settings: config.kubernetes, registry, place }),
    // Nodes pass requests on for each other.
    loadBalancer: { nodePort: NODE_PORT, cidrs: [settings.network.cidr] },
    nodes: (spec) => nodeChoice(spec, pools),
    gpuDivisions: gpuDivisions(pools),
    ready: [...base.ready, master.ready, drills.ready, ...roles.map(({ ready }) => ready)],
  };
}
