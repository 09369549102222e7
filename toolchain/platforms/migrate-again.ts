import { setTimeout as sleep } from "node:timers/promises";
import { BatchV1Api, CoreV1Api, V1Job } from "@kubernetes/client-node";
import type Docker from "dockerode";
import { engineOf } from "../../infra/docker/engine.ts";
import { lastLines, UserError } from "../command.ts";
import type { Report } from "../steps.ts";
import type { ClusterPlace } from "./pod-exec.ts";

/** Service that migrates; infra/services.ts names it. */
const MIGRATE = "migrate";

/** Lines of its log that a failure shows. */
const LOG_LINES = 30;

/** Starts the migration of the release that serves once more, where nothing of before runs any more. */
export async function migrateInContainer(docker: Docker, stack: string): Promise<void> {
  const filters = { label: [`slipway.stack=${stack}`, `slipway.service=${MIGRATE}`] };
  const [newest] = (await docker.listContainers({ all: true, filters })).sort((a, b) => b.Created - a.Created);
  if (newest === undefined) throw failed("its container is gone");
  const engine = engineOf(docker);
  await engine.start(newest.Id);
  const code = await engine.wait(newest.Id);
  if (code !== 0) throw failed(`exit code ${code}`, await engine.logs(newest.Id, LOG_LINES));
}

/** The same by a Job beside the one of the release, which is Pulumi's and ran once; as soon as the pods of before have left. */
export async function migrateInCluster({ config, namespace }: ClusterPlace, report: Report): Promise<void> {
  const [batch, core] = [config.makeApiClient(BatchV1Api), config.makeApiClient(CoreV1Api)];
  await untilLeft(core, namespace, report);
  const { items } = await batch.listNamespacedJob({ namespace, labelSelector: `app.kubernetes.io/name=${MIGRATE}` });
  const age = (job: (typeof items)[number]) => job.metadata?.creationTimestamp?.getTime() ?? 0;
  const [newest] = items.sort((a, b) => age(b) - age(a));
  const pod = newest?.spec?.template.spec;
  if (newest === undefined || pod === undefined) throw failed("its Job is gone");
  const labels = newest.metadata?.labels ?? {};
  const body = Object.assign(new V1Job(), {
    metadata: { generateName: `${MIGRATE}-again-`, labels },
    spec: { backoffLimit: 0, template: { metadata: { labels }, spec: pod } },
  });
  const made = await batch.createNamespacedJob({ namespace, body });
  const name = made.metadata?.name ?? "";
  try {
    for (;;) {
      const { status } = await batch.readNamespacedJob({ namespace, name });
      if ((status?.succeeded ?? 0) > 0) return;
      if ((status?.failed ?? 0) > 0) throw failed("its pod failed", await logOf(core, namespace, name));
      await sleep(500);
    }
  } finally {
    await batch.deleteNamespacedJob({ namespace, name, propagationPolicy: "Background" });
  }
}

/** Seconds beyond the time of a pod after which it is left where it is: its node may be gone. */
const OVERDUE_SECONDS = 15;

/** A rollout is over when the new pods are ready: those of before drain then, and work with the database until they are done. */
async function untilLeft(core: CoreV1Api, namespace: string, report: Report): Promise<void> {
  for (;;) {
    const { items } = await core.listNamespacedPod({ namespace });
    const leaving = items.flatMap(({ metadata }) => (isLeaving(metadata, Date.now()) ? (metadata?.name ?? []) : []));
    if (leaving.length === 0) return;
    report(`${leaving.join(", ")} on the way out`);
    await sleep(500);
  }
}

/** @param metadata its time of deletion is the one at which the cluster ends the pod, if it has not ended by itself */
export function isLeaving(metadata: { readonly deletionTimestamp?: Date } | undefined, now: number): boolean {
  const until = metadata?.deletionTimestamp?.getTime();
  return until !== undefined && now < until + OVERDUE_SECONDS * 1000;
}

async function logOf(core: CoreV1Api, namespace: string, job: string): Promise<string> {
  const { items } = await core.listNamespacedPod({ namespace, labelSelector: `batch.kubernetes.io/job-name=${job}` });
  const name = items[0]?.metadata?.name;
  return name === undefined ? "" : core.readNamespacedPodLog({ namespace, name, tailLines: LOG_LINES });
}

function failed(why: string, log = ""): UserError {
  return new UserError(
    `The release serves, and the migrations that waited for the one before could not be run: ${why}. The next deploy tries them again.` +
      (log === "" ? "" : `\nThe end of the log:\n${lastLines(log, LOG_LINES)}`),
  );
}
