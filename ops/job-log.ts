import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { UserError } from "../toolchain/command.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import type { Lines } from "../toolchain/lines.ts";

const conditions = z
  .array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() }))
  .default([]);

const waiting = z.object({ reason: z.string().optional(), message: z.string().optional() });
const podSchema = z.object({
  metadata: z.object({ name: z.string() }),
  status: z
    .object({
      conditions,
      containerStatuses: z
        .array(
          z.object({
            name: z.string(),
            state: z
              .object({
                waiting: waiting.optional(),
                running: z.object({}).optional(),
                terminated: z.object({ exitCode: z.int() }).optional(),
              })
              .optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
});
type Pod = z.output<typeof podSchema>;

/** What is looked at of a job, as the cluster tells of it. */
export const jobSchema = z.object({
  metadata: z.object({
    uid: z.string(),
    creationTimestamp: z.coerce.date(),
    deletionTimestamp: z.coerce.date().optional(),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.object({ suspend: z.boolean().default(false) }),
  status: z.object({ conditions }).prefault({}),
});
export type ToldJob = z.output<typeof jobSchema>;

/** How a job ended; `undefined` where it has not. Its pod may have, a moment before. */
export function endOf({ status }: Pick<ToldJob, "status">): "Complete" | "Failed" | undefined {
  const is = (wanted: string) => status.conditions.some(({ type, status: of }) => type === wanted && of === "True");
  return is("Complete") ? "Complete" : is("Failed") ? "Failed" : undefined;
}

/** Waits, in milliseconds. */
export interface Patience {
  /** Between two looks. */
  readonly look: number;
  /** For a pod to start: its image may have to come, and its disk to be made. */
  readonly start: number;
  /** For a cluster that does not answer. */
  readonly answer: number;
}

export const PATIENCE: Patience = { look: 500, start: 10 * 60_000, answer: 2 * 60_000 };

/** Seconds after its start at which a job is ended: those that it has had already. */
const AT_ONCE = 1;

/** A job, by its name, and the container in its pod. */
export interface JobPlace {
  readonly job: string;
  /** @default called as the job */
  readonly container?: string;
}

/** One job with one pod of one container: what it says from its beginning, and how it ends. */
export class JobLog {
  readonly #objects: ClusterObjects;
  readonly #name: string;
  readonly #container: string;
  readonly #to: Lines;
  readonly #patience: Patience;
  readonly #since = Date.now();
  /** Lines that were handed on. */
  #taken = 0;
  #hasStarted = false;
  #isStopped = false;
  /** Since when the cluster has not answered. */
  #silentSince: number | undefined;
  /** What is thrown once the job has ended. */
  #fault: Error | undefined;

  constructor(objects: ClusterObjects, { job, container = job }: JobPlace, to: Lines, patience: Patience) {
    this.#objects = objects;
    this.#name = job;
    this.#container = container;
    this.#to = to;
    this.#patience = patience;
  }

  /**
   * Reads until the job has ended, over ways that break.
   *
   * @returns the exit code
   * @throws UserError where its pod does not start; a fault of whoever takes the lines, once all of them are read
   */
  async read(): Promise<number> {
    for (;;) {
      const code = await this.#lookPatiently();
      if (code === undefined) {
        await sleep(this.#patience.look);
        continue;
      }
      if (this.#fault !== undefined) throw this.#fault;
      return code;
    }
  }

  /** Ends the job; {@link read} goes on until it has. */
  stop(): void {
    this.#isStopped = true;
    this.#end().catch(() => undefined); // The next look says it again.
  }

  async #end(): Promise<void> {
    await this.#objects.change("Job", this.#name, { spec: { activeDeadlineSeconds: AT_ONCE } });
  }

  async #lookPatiently(): Promise<number | undefined> {
    try {
      const code = await this.#look();
      this.#silentSince = undefined;
      return code;
    } catch (error) {
      this.#silentSince ??= Date.now();
      if (Date.now() - this.#silentSince > this.#patience.answer) throw error;
      return undefined;
    }
  }

  /** @returns the exit code, where it has ended */
  async #look(): Promise<number | undefined> {
    const read = await this.#objects.read("Job", this.#name);
    if (read === undefined) {
      this.#fault ??= new UserError(`The job ${this.#name} in ${this.#objects.namespace} was deleted meanwhile.`);
      return 1;
    }
    const job = jobSchema.parse(read);
    const end = endOf(job);
    if (this.#isStopped && end === undefined) await this.#end();
    const pods = await this.#objects.list("Pod", `batch.kubernetes.io/controller-uid=${job.metadata.uid}`);
    const pod = pods.map((one) => podSchema.parse(one)).at(-1);
    const state = pod?.status.containerStatuses.find(({ name }) => name === this.#container)?.state;
    if (pod && (state?.running ?? state?.terminated)) await this.#catchUp(pod, end === undefined);
    else if (end === undefined) this.#wait(pod);
    if (end === undefined) return undefined;
    return state?.terminated?.exitCode ?? (end === "Complete" ? 0 : 1);
  }

  /** The lines that were not handed on yet. A fault of who takes them comes last: the job goes on meanwhile. */
  async #catchUp({ metadata }: Pod, isFollowed: boolean): Promise<void> {
    this.#hasStarted = true;
    let at = 0;
    await this.#objects.log(metadata.name, this.#container, isFollowed, (line) => {
      this.#silentSince = undefined;
      at += 1;
      if (at <= this.#taken) return;
      this.#taken = at;
      try {
        (isEvent(line) ? this.#to.onLine : this.#to.onLogLine)(line);
      } catch (error) {
        this.#fault ??= error instanceof Error ? error : new Error(String(error));
      }
    });
  }

  #wait(pod: Pod | undefined): void {
    if (this.#hasStarted || this.#isStopped || Date.now() - this.#since < this.#patience.start) return;
    this.#fault ??= new UserError(
      `The pod of the job ${this.#name} has not started for ${Math.round(this.#patience.start / 60_000)} min: ${whyNot(pod)}. ` +
        `See more: kubectl describe job ${this.#name} --namespace ${this.#objects.namespace}`,
    );
    this.stop();
  }
}

/** Both streams of a container are one log in a cluster. The agent's events begin so, and lines of its log do not. */
function isEvent(line: string): boolean {
  return line.startsWith('{"event":');
}

function whyNot(pod: Pod | undefined): string {
  if (pod === undefined) return "the cluster has made none, as where a quota is full";
  const { containerStatuses, conditions: said } = pod.status;
  const { reason, message } = containerStatuses[0]?.state?.waiting ?? {};
  const unmet = said.find(({ status, message: why }) => status === "False" && why !== undefined)?.message;
  return [reason, message ?? unmet].filter((text) => text !== undefined).join(", ") || "the cluster does not say why";
}
