import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { FIRST_GENERATION } from "../configs/stack-backup.ts";
import { UserError, whileElsewhere } from "../toolchain/command.ts";
import { begunTwice, type Attempts, type FoundAttempt } from "./attempts.ts";
import type { StackInCluster } from "./cluster-agent.ts";
import { RealObjects, type ClusterObjects, type Kind } from "./cluster-objects.ts";
import type { Lines } from "../toolchain/lines.ts";
import type { Generations } from "./generations.ts";
import { endOf, JobLog, jobSchema, PATIENCE, type Patience } from "./job-log.ts";
import { RESTORE_LABELS, type RestoreOrder } from "./restore-container.ts";
import { ARTIFACTS_JOB, bringBackJob, RESTORE_JOB, restoreClaim, restoreJob } from "./restore-job.ts";
import { claimSchema, drillSchema, restoreJobSchema } from "./restore-job.ts";
import { claimName, claimsOf, generationOfClaim, type Disks } from "./volumes.ts";

const CLAIM = "PersistentVolumeClaim";

/** The CronJob whose pods are what a restore's is made from, as infra/kubernetes/drill.ts names it. */
const DRILL = "drill";

const foundSchema = z.object({
  metadata: z.object({ name: z.string(), uid: z.string(), deletionTimestamp: z.coerce.date().optional() }),
});

const podSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    volumes: z.array(z.object({ persistentVolumeClaim: z.object({ claimName: z.string() }).optional() })).default([]),
  }),
  status: z
    .object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]) })
    .prefault({}),
});

export interface ClusterAttemptsArgs {
  readonly objects: ClusterObjects;
  readonly stack: string;
  /** Whether Redis stands in the cluster too. */
  readonly hasRedis: boolean;
  /** @default as long as a cluster may take */
  readonly patience?: Patience;
}

/** Restores of a stack, with a look at what stands in its namespace. */
export async function clusterAttempts({ stack, config, namespace }: StackInCluster): Promise<ClusterAttempts> {
  const objects = new RealObjects(config, namespace);
  // A StatefulSet's own claim is there for as long as itself.
  const hasRedis = (await objects.read(CLAIM, claimName("redis", FIRST_GENERATION))) !== undefined;
  return new ClusterAttempts({ objects, stack, hasRedis });
}

/**
 * Restores as a cluster has them: a job that is made suspended, and a claim. The job is made first, and has always the same name: of two
 * that begin at once one is refused.
 */
export class ClusterAttempts implements Attempts {
  readonly #objects: ClusterObjects;
  readonly #stack: string;
  readonly #hasRedis: boolean;
  readonly #patience: Patience;

  constructor({ objects, stack, hasRedis, patience = PATIENCE }: ClusterAttemptsArgs) {
    this.#objects = objects;
    this.#stack = stack;
    this.#hasRedis = hasRedis;
    this.#patience = patience;
  }

  async find(): Promise<FoundAttempt | undefined> {
    const read = await this.#objects.read("Job", RESTORE_JOB);
    if (read === undefined) return undefined;
    const job = jobSchema.parse(read);
    const { metadata, spec } = job;
    if (metadata.deletionTimestamp !== undefined) {
      // By a run that was killed then.
      await this.#gone("Job", RESTORE_JOB, metadata.uid);
      return this.find();
    }
    const note = (name: keyof typeof RESTORE_LABELS) => metadata.annotations[RESTORE_LABELS[name]] ?? "";
    const [generation, end] = [note("generation"), endOf(job)];
    return {
      ...{ id: metadata.uid, generation, typed: note("typed"), target: note("target") },
      since: metadata.creationTimestamp.toISOString(),
      state: end !== undefined ? "ended" : spec.suspend ? "made" : "running",
      ...(end !== undefined && { exitCode: end === "Complete" ? 0 : 1 }),
      hasVolume: (await this.generations()).includes(generation),
    };
  }

  async begin(order: RestoreOrder): Promise<void> {
    const drill = await this.#needed("CronJob", DRILL);
    const claim = await this.#needed(CLAIM, claimName("postgres", FIRST_GENERATION));
    const isMade = await this.#objects.create(restoreJob(drillSchema.parse(drill), order));
    if (!isMade) throw begunTwice(this.#stack);
    await this.#remove(CLAIM, claimName("postgres", order.generation));
    const isClaimed = await this.#objects.create(restoreClaim(claimSchema.parse(claim), order));
    if (!isClaimed) throw begunTwice(this.#stack);
  }

  async start(): Promise<void> {
    await this.#objects.change("Job", RESTORE_JOB, { spec: { suspend: false } });
  }

  async follow(_: FoundAttempt, to: Lines): Promise<number> {
    return this.#read(RESTORE_JOB, to);
  }

  async bringBack(_: FoundAttempt, to: Lines): Promise<number> {
    const restore = await this.#needed("Job", RESTORE_JOB);
    await this.#remove("Job", ARTIFACTS_JOB);
    try {
      await this.#objects.create(bringBackJob(restoreJobSchema.parse(restore)));
      return await this.#read(ARTIFACTS_JOB, to);
    } finally {
      await this.#remove("Job", ARTIFACTS_JOB);
    }
  }

  async #read(job: string, to: Lines): Promise<number> {
    const log = new JobLog(this.#objects, { job }, to, this.#patience);
    return whileElsewhere(
      () => log.read(),
      () => {
        log.stop();
      },
    );
  }

  async discard(attempt: FoundAttempt, { current, kept }: Generations): Promise<void> {
    await this.tidy();
    if ([current, ...kept].includes(attempt.generation)) return;
    await this.#remove(CLAIM, claimName("postgres", attempt.generation));
  }

  /** A pod that has ended would keep the claim from being deleted some day. */
  async tidy(): Promise<void> {
    await this.#remove("Job", ARTIFACTS_JOB);
    await this.#remove("Job", RESTORE_JOB);
  }

  async generations(): Promise<readonly string[]> {
    const claims = (await this.#objects.list(CLAIM)).map((one) => foundSchema.parse(one).metadata);
    const there = claims.filter(({ deletionTimestamp }) => deletionTimestamp === undefined);
    return there.flatMap(({ name }) => generationOfClaim("postgres", name) ?? []).sort();
  }

  disks(generation: string): Disks {
    return claimsOf(generation, this.#hasRedis);
  }

  /**
   * Those of the first generation are the StatefulSets' own, which are mounted whatever serves and are made anew, empty: Postgres and Redis
   * are started anew for it.
   */
  async remove(generation: string): Promise<void> {
    const names = this.disks(generation).map(({ name }) => name);
    const uids = await Promise.all(names.map((name) => this.#uid(CLAIM, name)));
    for (const name of names) await this.#objects.remove(CLAIM, name);
    const pods = (await this.#objects.list("Pod")).map((one) => podSchema.parse(one));
    const users = pods.filter(({ spec }) =>
      spec.volumes.some(({ persistentVolumeClaim: claim }) => claim && names.includes(claim.claimName)),
    );
    for (const { metadata } of users) await this.#objects.remove("Pod", metadata.name);
    for (const [at, name] of names.entries()) await this.#gone(CLAIM, name, uids[at]);
    for (const { metadata } of users)
      await this.#until(`${metadata.name} serves again`, () => this.#isReady(metadata.name));
  }

  async #isReady(pod: string): Promise<boolean> {
    const read = await this.#objects.read("Pod", pod);
    const conditions = read === undefined ? [] : podSchema.parse(read).status.conditions;
    return conditions.some(({ type, status }) => type === "Ready" && status === "True");
  }

  async #needed(kind: Kind, name: string): Promise<unknown> {
    const found = await this.#objects.read(kind, name);
    if (found !== undefined) return found;
    throw new UserError(
      `${this.#objects.namespace} has no ${kind} ${name}, from which a restore is made. Is ${this.#stack} up, with slipway:backup.enabled not ` +
        `false and a Postgres of its own? make up STACK=${this.#stack}`,
    );
  }

  async #remove(kind: Kind, name: string): Promise<void> {
    const uid = await this.#uid(kind, name);
    if (uid === undefined) return;
    await this.#objects.remove(kind, name);
    await this.#gone(kind, name, uid);
  }

  async #uid(kind: Kind, name: string): Promise<string | undefined> {
    const found = await this.#objects.read(kind, name);
    return found === undefined ? undefined : foundSchema.parse(found).metadata.uid;
  }

  #gone(kind: Kind, name: string, uid: string | undefined): Promise<void> {
    return this.#until(`${kind} ${name} is deleted`, async () => {
      const now = await this.#uid(kind, name);
      return now === undefined || now !== uid;
    });
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const since = Date.now();
    while (!(await isSo())) {
      if (Date.now() - since > this.#patience.start)
        throw new UserError(
          `Waited ${Math.round(this.#patience.start / 60_000)} min in ${this.#objects.namespace} until ${what}. See what keeps it: ` +
            `kubectl describe --namespace ${this.#objects.namespace} pods,jobs,pvc; then run this again.`,
        );
      await sleep(this.#patience.look);
    }
  }
}
