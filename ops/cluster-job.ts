import { randomBytes } from "node:crypto";
import { z } from "zod";
import { UserError, whileElsewhere } from "../toolchain/command.ts";
import type { Lines } from "../toolchain/lines.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import { JobLog, PATIENCE, type Patience } from "./job-log.ts";

/** A CronJob whose pod is run now. */
export interface CronJobPlace {
  readonly objects: ClusterObjects;
  /** Of the CronJob and of its pod's container. */
  readonly name: string;
  /** @default a quarter of an hour for the pod to start: a node may have to be made for it first */
  readonly patience?: Patience;
}

const NODE_PATIENCE: Patience = { ...PATIENCE, start: 900_000 };

const container = z.looseObject({ command: z.array(z.string()) });

/** What is looked at of a CronJob, as the cluster tells of it. */
const cronJobSchema = z.object({
  metadata: z.object({ name: z.string(), uid: z.string() }),
  spec: z.object({
    jobTemplate: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()).default({}) }).prefault({}),
      spec: z.looseObject({
        template: z.looseObject({ spec: z.looseObject({ containers: z.tuple([container]) }) }),
      }),
    }),
  }),
});
type CronJob = z.output<typeof cronJobSchema>;

/**
 * Runs the program of a CronJob's pod now, with words of its own, and hands on what it says. Where this process is told to end, the job is deleted,
 * which tells the program.
 *
 * @returns its exit code
 * @throws UserError where it cannot be run
 */
export async function runNow(place: CronJobPlace, words: readonly string[], to: Lines): Promise<number> {
  const { objects, name, patience = NODE_PATIENCE } = place;
  const job = await begin(place, words);
  const log = new JobLog(objects, { job, container: name }, to, patience);
  return whileElsewhere(
    () => log.read(),
    () => {
      objects.remove("Job", job).catch(() => undefined);
    },
  );
}

async function begin({ objects, name }: CronJobPlace, words: readonly string[]): Promise<string> {
  const read = await objects.read("CronJob", name);
  if (read === undefined)
    throw new UserError(`${objects.namespace} has no CronJob ${name}. Is the stack up, of this release?`);
  const job = jobOf(cronJobSchema.parse(read), words);
  if (!(await objects.create(job))) throw new Error(`${job.metadata.name} is there already.`);
  return job.metadata.name;
}

/** The pod of its CronJob with other words for the program; it goes with the CronJob. */
function jobOf({ metadata: { name, uid }, spec: { jobTemplate } }: CronJob, words: readonly string[]) {
  const { metadata, spec } = jobTemplate;
  const pod = spec.template.spec;
  const [{ command, ...program }] = pod.containers;
  // Node and the program's file.
  const containers = [{ ...program, command: [...command.slice(0, 2), ...words] }];
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: `${name}-now-${randomBytes(3).toString("hex")}`,
      labels: metadata.labels,
      ownerReferences: [{ apiVersion: "batch/v1", kind: "CronJob", name, uid }],
    },
    spec: { ...spec, template: { ...spec.template, spec: { ...pod, containers } } },
  };
}
