import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { ClusterObjects, Kind, NewObject } from "../../ops/cluster-objects.ts";

/** What a job's container says, and ends with. */
export interface Script {
  readonly lines: readonly string[];
  /** `undefined`: it goes on. */
  readonly code: number | undefined;
}

interface Stored {
  readonly kind: Kind;
  readonly metadata: { readonly name: string; readonly uid: string; deletionTimestamp?: string };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: object;
}

const POD = {
  volumes: [{ name: "drill" }, { name: "objects", persistentVolumeClaim: { claimName: "objects" } }],
  containers: [
    { name: "drill", command: ["node", "backup.mjs", "drill"], volumeMounts: [{ name: "drill" }, { name: "objects" }] },
  ],
};
const READY = { conditions: [{ type: "Ready", status: "True" }] };

const templateSchema = z.object({
  template: z.object({ spec: z.object({ containers: z.array(z.object({ name: z.string().optional() })) }) }),
});

function containerOf(job: Stored | undefined): string | undefined {
  return templateSchema.safeParse(job?.spec).data?.template.spec.containers[0]?.name;
}

/** Simulates a namespace with a Postgres and a Redis of its own, as far as a restore sees it: jobs do what their script says. */
export class SimulatedObjects implements ClusterObjects {
  readonly namespace = "slipway-unit";
  /** Claims of the StatefulSets' own. */
  readonly own = ["data-postgres-0", "data-redis-0"];
  /** Called before each change. */
  beforeWrite: () => void = () => undefined;
  /** How often in a row it does not answer. */
  silences = 0;
  /** After how many lines the log breaks off, each once. */
  readonly breaks: number[] = [];
  /** Whether pods start. */
  starts = true;
  readonly #objects = new Map<string, Stored>();
  readonly #scripts = new Map<string, Script>();
  readonly #leaving = new Map<string, number>();

  constructor() {
    this.#put("CronJob", "drill", { jobTemplate: { spec: { template: { spec: POD } } } });
    for (const service of ["postgres", "redis"]) this.#startSet(service);
  }

  /** What a job of that name does once it runs. @default it goes on, and says nothing */
  script(job: string, script: Script): void {
    this.#scripts.set(job, script);
  }

  names(kind: Kind): string[] {
    const all = [...this.#objects.values()].filter((one) => one.kind === kind);
    return all.map(({ metadata }) => metadata.name);
  }

  uid(kind: Kind, name: string): string | undefined {
    return this.#objects.get(`${kind} ${name}`)?.metadata.uid;
  }

  /** Marks it as on its way out; it is gone after so many looks. */
  leaveIn(kind: Kind, name: string, looks: number): void {
    const stored = this.#objects.get(`${kind} ${name}`);
    if (stored) stored.metadata.deletionTimestamp = new Date().toISOString();
    this.#leaving.set(`${kind} ${name}`, looks);
  }

  /** Ends a job. */
  end(job: string, exitCode: number): void {
    const stored = this.#objects.get(`Job ${job}`);
    if (stored === undefined) return;
    const type = exitCode === 0 ? "Complete" : "Failed";
    this.#objects.set(`Job ${job}`, { ...stored, status: { conditions: [{ type, status: "True" }] } });
  }

  async read(kind: Kind, name: string): Promise<unknown> {
    this.#answer();
    const key = `${kind} ${name}`;
    const looks = this.#leaving.get(key);
    if (looks === 0) {
      this.#objects.delete(key);
      this.#leaving.delete(key);
    } else if (looks !== undefined) this.#leaving.set(key, looks - 1);
    return this.#objects.get(key);
  }

  async list(kind: Kind, labels = ""): Promise<readonly unknown[]> {
    this.#answer();
    const job = [...this.#objects.values()].find(({ metadata }) => labels.endsWith(`=${metadata.uid}`));
    if (labels !== "") return job && this.#isStarted(job) ? [this.#podOf(job.metadata.name)] : [];
    return [...this.#objects.values()].filter((one) => one.kind === kind);
  }

  async create({ kind, metadata, ...more }: NewObject & { readonly spec?: object }): Promise<boolean> {
    this.#write();
    if (this.#objects.has(`${kind} ${metadata.name}`)) return false;
    this.#put(kind as Kind, metadata.name, { ...more.spec }, metadata);
    return true;
  }

  async change(kind: Kind, name: string, { spec }: { readonly spec?: object }): Promise<void> {
    this.#write();
    const stored = this.#objects.get(`${kind} ${name}`);
    if (stored === undefined) throw new Error(`${kind} ${name} is not there`);
    this.#objects.set(`${kind} ${name}`, { ...stored, spec: { ...stored.spec, ...spec } });
    if (spec !== undefined && "activeDeadlineSeconds" in spec) this.end(name, 1);
  }

  async remove(kind: Kind, name: string): Promise<void> {
    this.#write();
    this.#objects.delete(`${kind} ${name}`);
    // The controller of a StatefulSet, once its pod has gone.
    if (kind === "Pod") this.#startSet(name.replace(/-0$/, ""));
  }

  async log(pod: string, _: string, __: boolean, take: (line: string) => void): Promise<void> {
    this.#answer();
    const script = this.#scriptOf(pod);
    const broken = this.breaks.shift();
    for (const line of (script?.lines ?? []).slice(0, broken)) take(line);
    if (broken !== undefined) throw new Error("ECONNRESET");
    if (script?.code !== undefined) this.end(pod, script.code);
  }

  #put(kind: Kind, name: string, spec: Stored["spec"] = {}, metadata: object = {}, status: object = {}): void {
    const own = { name, namespace: this.namespace, uid: randomUUID(), creationTimestamp: "2026-11-29T03:00:00Z" };
    this.#objects.set(`${kind} ${name}`, { kind, metadata: { ...metadata, ...own }, spec, status });
  }

  #startSet(service: string): void {
    const claim = `data-${service}-0`;
    const size = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
    if (!this.#objects.has(`PersistentVolumeClaim ${claim}`)) this.#put("PersistentVolumeClaim", claim, size);
    this.#put("Pod", `${service}-0`, { volumes: [{ persistentVolumeClaim: { claimName: claim } }] }, {}, READY);
  }

  #isStarted({ spec }: Stored): boolean {
    return this.starts && spec?.["suspend"] !== true;
  }

  #podOf(job: string): object {
    const code = this.#scriptOf(job)?.code;
    const state = code === undefined ? { running: {} } : { terminated: { exitCode: code } };
    const name = containerOf(this.#objects.get(`Job ${job}`)) ?? job;
    return { metadata: { name: job }, status: { containerStatuses: [{ name, state }] } };
  }

  /** One that is run now has a name that nobody knows before. */
  #scriptOf(job: string): Script | undefined {
    return this.#scripts.get(job) ?? this.#scripts.get(job.replace(/-[0-9a-f]{6}$/, ""));
  }

  #answer(): void {
    if (this.silences === 0) return;
    this.silences -= 1;
    throw new Error("connect ECONNREFUSED");
  }

  #write(): void {
    this.beforeWrite();
    this.#answer();
  }
}
