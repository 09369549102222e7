import { setTimeout as sleep } from "node:timers/promises";
import {
  DBInstanceNotFoundFault,
  DeleteDBInstanceCommand,
  DescribeDBInstancesCommand,
  InvalidDBInstanceStateFault,
  RestoreDBInstanceToPointInTimeCommand,
  type DBInstance,
  type RDSClient,
} from "@aws-sdk/client-rds";
import { DRILL_TAG } from "../../configs/drill-settings.ts";
import type { Logger } from "../../jobs/log.ts";

export interface TemporaryArgs {
  readonly client: RDSClient;
  /** Identifier of the instance that serves. */
  readonly source: string;
  /** Identifier of the one that is made of it. */
  readonly name: string;
  /** With {@link DRILL_TAG}. */
  readonly tags: Readonly<Record<string, string>>;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Most milliseconds between two looks. @default 15,000 */
  readonly lookMs?: number;
}

/** Where an instance answers. */
export interface InstancePlace {
  readonly host: string;
  readonly port: number;
}

const FIRST_LOOK_MS = 500;
const LOOK_MS = 15_000;

/** Milliseconds that RDS may take to make one, and to take one away. */
const MADE_WITHIN_MS = 4 * 3_600_000;
const GONE_WITHIN_MS = 3_600_000;

/** States out of which no instance comes by itself. */
const BROKEN = /^(failed|restore-error|storage-full|stopped|insufficient-|incompatible-|inaccessible-)/;

/** The instance of RDS that a drill restores into: one at a time, by one name, marked by a tag. */
export class TemporaryInstance {
  readonly #args: TemporaryArgs;

  constructor(args: TemporaryArgs) {
    this.#args = args;
  }

  /**
   * Restores the newest moment into it, in the source's network and without a way in from outside, and waits until it serves.
   *
   * @throws Error where RDS refuses, or does not come to an end with it
   */
  async restore(): Promise<InstancePlace> {
    const { client, source, name, tags } = this.#args;
    const serving = await this.#find(source);
    if (serving === undefined)
      throw new Error(`drill: there is no instance ${source}, must be the one that serves; deploy the stack again`);
    await client.send(
      new RestoreDBInstanceToPointInTimeCommand({
        ...{ SourceDBInstanceIdentifier: source, TargetDBInstanceIdentifier: name, UseLatestRestorableTime: true },
        ...alike(serving),
        // One zone: it serves nobody.
        ...{ MultiAZ: false, PubliclyAccessible: false, DeletionProtection: false, CopyTagsToSnapshot: false },
        ...{ AutoMinorVersionUpgrade: false, EnableIAMDatabaseAuthentication: false, EnableCloudwatchLogsExports: [] },
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      }),
    );
    return placeOf(await this.#until(MADE_WITHIN_MS, isMade));
  }

  /**
   * Takes it away, with its backups, and waits until it is gone.
   *
   * @returns whether there was one
   * @throws Error where what has its name is not a drill's, or does not go
   */
  async remove(): Promise<boolean> {
    const there = await this.#own();
    if (there === undefined) return false;
    await this.#until(GONE_WITHIN_MS, async (instance) => {
      if (instance !== undefined) await this.#delete(instance);
      return instance === undefined;
    });
    return true;
  }

  /** The same as well as it goes at once, for who has to end: what RDS does not take yet is left to the next drill. */
  async abandon(): Promise<void> {
    const { log, name } = this.#args;
    try {
      const there = await this.#own();
      if (there !== undefined) await this.#delete(there);
    } catch (error) {
      log.warn({ err: error, instance: name }, "the temporary instance is still there; the next drill removes it");
    }
  }

  /** @throws Error where it does not carry the tag */
  async #own(): Promise<DBInstance | undefined> {
    const { name, tags } = this.#args;
    const there = await this.#find(name);
    const mark = there?.TagList?.find(({ Key }) => Key === DRILL_TAG)?.Value;
    if (there === undefined || mark === tags[DRILL_TAG]) return there;
    throw new Error(
      `drill: the instance ${name} has the tag ${DRILL_TAG}=${mark ?? "none"}, must have ${tags[DRILL_TAG] ?? ""}: ` +
        `it is not a drill's, and is left alone; rename it, or delete it yourself`,
    );
  }

  async #delete({ DBInstanceStatus }: DBInstance): Promise<void> {
    if (DBInstanceStatus === "deleting") return;
    const { client, name } = this.#args;
    const input = { DBInstanceIdentifier: name, SkipFinalSnapshot: true, DeleteAutomatedBackups: true };
    try {
      await client.send(new DeleteDBInstanceCommand(input));
    } catch (error) {
      // While it is being made RDS may not take it away: it is asked again.
      if (!(error instanceof InvalidDBInstanceStateFault || error instanceof DBInstanceNotFoundFault)) throw error;
    }
  }

  async #find(name: string): Promise<DBInstance | undefined> {
    try {
      const answer = await this.#args.client.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: name }));
      return answer.DBInstances?.[0];
    } catch (error) {
      if (error instanceof DBInstanceNotFoundFault) return undefined;
      throw error;
    }
  }

  async #until(
    withinMs: number,
    isThere: (instance: DBInstance | undefined) => boolean | Promise<boolean>,
  ): Promise<DBInstance | undefined> {
    const { name, signal, lookMs = LOOK_MS } = this.#args;
    const deadline = performance.now() + withinMs;
    for (let pause = FIRST_LOOK_MS; ; pause *= 2) {
      const instance = await this.#find(name);
      if (await isThere(instance)) return instance;
      if (performance.now() > deadline)
        throw new Error(
          `drill: after ${withinMs / 60_000} minutes the instance ${name} is ${instance?.DBInstanceStatus ?? "gone"}; ` +
            `look at its events in RDS`,
        );
      await sleep(Math.min(pause, lookMs), undefined, { signal });
    }
  }
}

/** What it has of the one that serves: a drill of a smaller one would measure something else. */
function alike(serving: DBInstance) {
  const { DBInstanceClass, DBSubnetGroup, DBParameterGroups = [], VpcSecurityGroups = [] } = serving;
  return {
    DBInstanceClass,
    DBSubnetGroupName: DBSubnetGroup?.DBSubnetGroupName,
    DBParameterGroupName: DBParameterGroups[0]?.DBParameterGroupName,
    VpcSecurityGroupIds: VpcSecurityGroups.flatMap(({ VpcSecurityGroupId: id }) => id ?? []),
  };
}

function isMade(instance: DBInstance | undefined): boolean {
  const status = instance?.DBInstanceStatus;
  if (status === undefined) throw new Error("drill: the temporary instance is gone; who deleted it? Drill again");
  if (BROKEN.test(status))
    throw new Error(`drill: the temporary instance is ${status}, must become available; look at its events in RDS`);
  return status === "available";
}

/** @throws Error where it has no address, or one that everybody reaches */
function placeOf(instance: DBInstance | undefined): InstancePlace {
  const { Address: host, Port: port } = instance?.Endpoint ?? {};
  if (host === undefined || port === undefined)
    throw new Error("drill: the temporary instance is available and has no address; look at it in RDS");
  if (instance?.PubliclyAccessible === true)
    throw new Error("drill: the temporary instance is public, must be reached from the cluster alone; delete it");
  return { host, port };
}
