import { z } from "zod";
import { readLogLine, LEVELS } from "../log-line.ts";
import { counted } from "../quantities.ts";
import { atLeast, atMost, bad, good, unknown, warning, worstOf, type Look } from "./finding.ts";
import type { World } from "./world.ts";

/** Times that a container may have been started again before that is a loop. */
const RESTARTS = 3;

/** Every service has as many containers that are ready as it should. */
export async function lookAtContainers({ sight }: World): Promise<Look> {
  const [containers, wanted] = await Promise.all([sight.containers(), sight.wanted()]);
  if (Object.keys(wanted).length === 0)
    return bad("there is none", "Is the stack up? ./slipway check --post says more.");
  const looks = Object.entries(wanted).map(([service, count]): Look => {
    const own = containers.filter((one) => one.service === service);
    const ready = own.filter(({ standing }) => standing === "ready");
    const faulty = own.find(({ standing }) => standing !== "ready");
    const detail = `${service} ${ready.length}/${count}${faulty?.reason === undefined ? "" : ` (${faulty.reason.split("\n")[0] ?? ""})`}`;
    const mend = `See why: ${sight.hint(faulty?.name ?? service)}`;
    if (ready.length >= count) return good(detail);
    return ready.length === 0 || faulty?.standing !== "starting" ? bad(detail, mend) : warning(detail, mend);
  });
  const loops = containers
    .filter(({ restarts }) => restarts >= RESTARTS)
    .map(({ name, restarts }) =>
      warning(`${name} was started again ${restarts} times`, `See why: ${sight.hint(name)}`),
    );
  return worstOf([...looks, ...loops]);
}

const PROBES = ["/", "/health/live", "/health/ready", "/api/v1/health"] as const;

/** The public routes answer; no job is made. */
export async function lookAtRoutes({ url, stack }: World): Promise<Look> {
  const looks = await Promise.all(
    PROBES.map(async (path): Promise<Look> => {
      const since = performance.now();
      const status = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000) }).then(
        async (response) => {
          await response.body?.cancel();
          return response.status;
        },
        (error: unknown) =>
          error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error),
      );
      const took = Math.round(performance.now() - since);
      return status === 200
        ? good(`${path} in ${took} ms`)
        : bad(`${path}: ${status}`, `See: ./slipway logs --stack ${stack} api --level warn`);
    }),
  );
  return worstOf(looks);
}

const healthView = z.looseObject({
  status: z.string(),
  dependencies: z.record(z.string(), z.string()),
  warnings: z.array(z.string()).default([]),
});

export type Summary = z.infer<typeof healthView>;

/** `GET /api/v1/health`. */
export async function askSummary(url: string): Promise<Summary> {
  const response = await fetch(`${url}/api/v1/health`, { signal: AbortSignal.timeout(10_000) });
  return healthView.parse(await response.json());
}

/** What the API reaches over the inner network. */
export async function lookAtNetwork(world: World): Promise<Look> {
  const { dependencies: all, warnings } = await world.summary();
  const looks = Object.entries(all).map(([name, said]) =>
    said === "ok" ? good(`api reaches ${name}`) : bad(`api to ${name}: ${said}`, "Does it run, and let the API in?"),
  );
  return worstOf([...looks, ...warnings.map((one) => warning(one, "See docs/kubernetes.md on what scales workers."))]);
}

/** Whether the object store takes and gives. */
export async function lookAtArtifacts(world: World): Promise<Look> {
  const { dependencies: all } = await world.summary();
  const [name, said] = Object.entries(all).find(([one]) => one.startsWith("object")) ?? [];
  if (name === undefined || said === undefined)
    return unknown("the API tells nothing of its object store", "Look at GET /api/v1/health of the API.");
  return said === "ok"
    ? good("the object store answers")
    : bad(`${name}: ${said}`, "See docs/worker.md on where artifacts lie.");
}

/** Lets a worker's own engine say a word. The model of another one is only known by the worker's readiness. */
export async function lookAtSpeech({ sight, engine, stack }: World): Promise<Look> {
  const mend = `See: ./slipway logs --stack ${stack} worker-cpu --level warn`;
  if (engine !== "espeak-ng")
    return unknown(`${engine} is known to work where its worker is ready, and no further`, "See the check containers.");
  const answer = await sight.run("worker-cpu", "timeout 10 espeak-ng --stdout well | wc --bytes");
  if (answer === undefined)
    return unknown("no CPU worker runs", "Where workers go to none, that is right while nothing waits.");
  const bytes = Number(answer.output.trim());
  return answer.code === 0 && bytes > 1000
    ? good(`espeak-ng speaks (${bytes} bytes)`)
    : bad(`espeak-ng gives ${answer.output.slice(0, 100)}`, mend);
}

const none = unknown("nobody measures it: the cluster has no metrics-server", "Install one, or ignore cpu and memory.");

export async function lookAtUsage(
  { sight, settings, stack }: World,
  of: "cpuPercent" | "memoryPercent",
): Promise<Look> {
  const usage = await sight.usage();
  if (usage === undefined) return none;
  if (usage.length === 0) return unknown("no container runs", "See the check containers.");
  const most = usage.reduce((a, b) => (b[of] > a[of] ? b : a));
  const mend = `Raise its limit in Pulumi.${stack}.yaml, or add replicas.`;
  return atMost(most[of], settings[of], `at most ${most[of]} % of a limit (${most.name})`, mend);
}

/** Folders of data, and the service that has them. */
const DISKS = [
  { service: "postgres", folder: "/var/lib/postgresql/data" },
  { service: "redis", folder: "/var/lib/redis" },
  { service: "worker-cpu", folder: "/var/lib/slipway/objects" },
  { service: "backup", folder: "/var/lib/slipway/backups" },
] as const;

export async function lookAtDisk({ sight, settings }: World): Promise<Look> {
  const looks = await Promise.all(
    DISKS.map(async ({ service, folder }): Promise<Look[]> => {
      const answer = await sight.run(service, `df --output=pcent,iavail,itotal ${folder} 2>/dev/null | tail -1`);
      const [used, inodesFree, inodes] = (answer?.output ?? "").match(/\d+/g)?.map(Number) ?? [];
      if (used === undefined) return [];
      const free = 100 - used;
      const freeNodes = inodes === undefined || inodes === 0 ? 100 : Math.round(((inodesFree ?? 0) / inodes) * 100);
      const detail = `${service}: ${free} % free${freeNodes < free ? `, ${freeNodes} % of inodes` : ""}`;
      return [
        atLeast(Math.min(free, freeNodes), settings.diskFreePercent, detail, "Make room, or make the disk larger."),
      ];
    }),
  );
  const known = looks.flat();
  return known.length === 0
    ? unknown("no disk of data is a container's here", "Look at it where the data is.")
    : worstOf(known);
}

/** Lines that say error or worse, of all containers. */
export async function lookAtLogs({ sight, settings, stack }: World): Promise<Look> {
  const { logMinutes, errorLines } = settings;
  const byService = new Map<string, number>();
  const errors = new Set<string>(LEVELS.slice(LEVELS.indexOf("error")));
  await sight.logs({ sinceSeconds: logMinutes * 60, isFollowed: false }, (line) => {
    if (errors.has(readLogLine(line).level)) byService.set(line.service, (byService.get(line.service) ?? 0) + 1);
  });
  const sum = [...byService.values()].reduce((a, b) => a + b, 0);
  const where = [...byService].map(([service, count]) => `${service} ${count}`).join(", ");
  const detail = `${counted(sum, "line")} at error in ${logMinutes} min${sum === 0 ? "" : ` (${where})`}`;
  return atMost(sum, errorLines, detail, `./slipway logs --stack ${stack} --level error --since ${logMinutes}m`);
}
