import { SubnetGroup } from "@pulumi/aws/rds/subnetGroup.js";
import type { Input, Output, Resource } from "@pulumi/pulumi";
import type { DatabaseSettings } from "../../configs/aws-data-settings.ts";
import { FIRST } from "../../configs/aws-generations.ts";
import type { Database } from "../contract.ts";
import { PlanError } from "../plan/plan-error.ts";
import type { ResolvedSize } from "../plan/sizes.ts";
import { readBundle } from "./ca-bundle.ts";
import {
  DATABASE,
  databaseInstance,
  MASTER_USER,
  PORT,
  type DatabaseInstance,
  type Restored,
} from "./database-instance.ts";
import { parameterGroup } from "./database-parameters.ts";
import { ownName } from "./own-name.ts";
import { options, tagged, type AwsAccount, type AwsPlace } from "./place.ts";
import { serviceGroup } from "./security-group.ts";

export interface DatabaseArgs {
  readonly settings: DatabaseSettings;
  readonly size: ResolvedSize["database"];
  readonly vpcId: Input<string>;
  /** Of the data tier, one a zone. */
  readonly subnetIds: readonly Input<string>[];
  /** Security groups that may reach it, by a name for good. */
  readonly sources: Readonly<Record<string, Input<string>>>;
  /** ARNs of KMS keys by what they encrypt. */
  readonly keys: {
    /** Storage, snapshots and Performance Insights. */
    readonly database: Input<string>;
    readonly logs: Input<string>;
    /** The master user's password. */
    readonly secrets: Input<string>;
  };
  /** Roles of the product. The job that prepares the database makes them; RDS knows its master user alone. */
  readonly roles: Required<Pick<Database, "app" | "owner" | "roleFiles">>;
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

export interface RdsDatabase {
  readonly is: Database;
  /** ARN and name of the instance that serves. */
  readonly arn: Output<string>;
  readonly identifier: Output<string>;
  /** ARNs of all generations that are there, by their logical names. */
  readonly arns: Readonly<Record<string, Output<string>>>;
  /** Names of the groups of RDS that all of them are in. */
  readonly groups: { readonly subnets: Output<string>; readonly parameters: Output<string> };
  /** User with which the product's roles are made. */
  readonly masterUser: string;
  /** ARN of the secret in which RDS keeps the master user's password; the stack never sees it. */
  readonly masterSecretArn: Output<string>;
  readonly securityGroupId: Output<string>;
  /** What has to be there before it serves. */
  readonly ready: Resource;
}

/** Percent of its storage up to which RDS may add where the stack's file does not say. */
const GROWTH_PERCENT = 200;
/** RDS takes no limit below this. */
const LEAST_GROWTH_PERCENT = 110;
const MOST_STORAGE_GIB = 65_536;

/**
 * Postgres of RDS in two zones: encrypted, by TLS alone, restorable to each second of its retention, reached from the given groups.
 *
 * Nothing of it is ever deleted to be replaced, and what needs a restart waits for the maintenance window. A restore makes another instance beside, and
 * the services go there when the stack's file says so; the one before stays. There is no RDS Proxy: docs/adr/0008-database-proxy.md says why.
 *
 * @throws PlanError where the file with RDS' authorities is missing or damaged, or storage may not grow as RDS has it
 */
export function database(args: DatabaseArgs): RdsDatabase {
  const { settings, vpcId, sources, roles, place } = args;
  const ca = authorities(args);
  mostStorageGiB(args); // Only for its check: nothing is made before.
  const securityGroupId = serviceGroup({
    ...{ name: "database", description: "Postgres of the stack", port: PORT },
    ...{ vpcId, sources, place },
  });
  const all = generations(args, securityGroupId);
  const { instance, identifier, masterSecretArn } = serving(all, settings);
  return {
    is: { host: instance.address, port: PORT, name: DATABASE, ...roles, tls: { ca } },
    ...{ arn: instance.arn, identifier, masterUser: MASTER_USER, masterSecretArn, securityGroupId, ready: instance },
    groups: { subnets: instance.dbSubnetGroupName, parameters: instance.parameterGroupName },
    arns: Object.fromEntries([...all].map(([name, one]) => [logicalName(name), one.instance.arn])),
  };
}

interface Generation extends DatabaseInstance {
  readonly identifier: Output<string>;
}

function serving(all: ReadonlyMap<string, Generation>, { serving: name }: DatabaseSettings): Generation {
  const found = all.get(name);
  if (found === undefined)
    throw new Error(`slipway:aws.data.database.serving is ${name}; configs/aws-generations.ts refuses it before.`);
  return found;
}

/** Names are frozen: the one that the stack began with has that of the service. */
function logicalName(generation: string): string {
  return generation === FIRST ? "database" : `database-${generation}`;
}

/** The instance that the stack began with and those that were restored, by their names; each is made of one before it. */
function generations(args: DatabaseArgs, securityGroupId: Output<string>): ReadonlyMap<string, Generation> {
  const { settings, place } = args;
  const groups = { subnets: subnetGroup(args), parameters: parameterGroup(args) };
  const common = { ...args, groups, securityGroupId, mostStorageGiB: mostStorageGiB(args) };
  // Others are told by it what to restore, also when it is gone.
  const identifiers = new Map([[FIRST, ownName("database", place)]]);
  const made = new Map<string, Generation>();
  const make = (name: string, restored?: Restored) => {
    const identifier = identifiers.get(name) ?? ownName(logicalName(name), place);
    identifiers.set(name, identifier);
    const own = restored === undefined ? {} : { restored };
    made.set(name, { identifier, ...databaseInstance({ ...common, name: logicalName(name), identifier, ...own }) });
  };
  if (settings.keepFirst) make(FIRST);
  for (const { name, from, to } of settings.restored) {
    const source = identifiers.get(from);
    if (source === undefined)
      throw new Error(
        `slipway:aws.data.database.restored makes ${name} of ${from}; configs/aws-generations.ts refuses it.`,
      );
    make(name, { source, instance: made.get(from)?.instance, to });
  }
  return made;
}

function subnetGroup({ subnetIds, place }: DatabaseArgs): Output<string> {
  const subnets = new SubnetGroup(
    "database",
    { description: "Data subnets of the stack", subnetIds: [...subnetIds], tags: tagged(place, "database") },
    options(place),
  );
  return subnets.name;
}

function authorities({ settings, place }: DatabaseArgs): string {
  const { caBundle } = settings;
  if (caBundle === undefined)
    throw new Error("slipway:aws.data.database.caBundle is missing; configs/aws-data-settings.ts refuses it before.");
  return readBundle(place.stack, caBundle);
}

function mostStorageGiB({ settings, size, place }: DatabaseArgs): number {
  const grown = Math.min(Math.ceil((size.storageGiB * GROWTH_PERCENT) / 100), MOST_STORAGE_GIB);
  const { maxStorageGiB = grown } = settings;
  const least = Math.min(Math.ceil((size.storageGiB * LEAST_GROWTH_PERCENT) / 100), MOST_STORAGE_GIB);
  if (maxStorageGiB < least)
    throw new PlanError(place.stack, "database", [
      `slipway:aws.data.database.maxStorageGiB is ${maxStorageGiB}, must be at least ${least}: RDS grows by a tenth or not at all, ` +
        `and ${size.storageGiB} GiB are there from the start. Raise it, or leave it out.`,
    ]);
  return maxStorageGiB;
}
