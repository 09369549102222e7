import { Readable } from "node:stream";
import type Docker from "dockerode";
import { whileElsewhere } from "../../toolchain/command.ts";
import { SERVICE_LABEL, STACK_LABEL } from "../agent.ts";
import { readLines } from "../exec.ts";
import { runInDocker } from "../inside-docker.ts";
import {
  noneOf,
  percentOf,
  timedLine,
  type LogLine,
  type LogQuestion,
  type Seen,
  type Sight,
  type Standing,
  type Usage,
} from "./sight.ts";

/** A stack on a Docker engine. */
export function dockerSight(docker: Docker, stack: string): Sight {
  const servers = async () => (await inspectAll(docker, stack)).filter(isServer);
  return {
    containers: async () => (await servers()).map(seen).sort((a, b) => (a.name < b.name ? -1 : 1)),
    // Pulumi makes every replica: one that does not run is still there.
    wanted: async () => {
      const counts: Record<string, number> = {};
      for (const { service } of (await servers()).map(seen)) counts[service] = (counts[service] ?? 0) + 1;
      return counts;
    },
    usage: async () =>
      Promise.all((await servers()).filter(({ State }) => State.Running).map((one) => usage(docker, one))),
    run: async (service, script) => {
      const isThere = (await servers()).some((one) => serviceOf(one) === service && one.State.Running);
      return isThere ? runInDocker(docker, stack, service, script) : undefined;
    },
    logs: (question, take) => readLogs(docker, stack, question, take),
    hint: (name) => `docker logs --tail 50 ${name}`,
  };
}

type Inspected = Docker.ContainerInspectInfo;

async function inspectAll(docker: Docker, stack: string): Promise<Inspected[]> {
  const filters = { label: [`${STACK_LABEL}=${stack}`] };
  const listed = await docker.listContainers({ all: true, filters });
  // One that goes meanwhile is none of the stack's any more.
  const inspected = await Promise.all(
    listed.map(({ Id }) =>
      docker
        .getContainer(Id)
        .inspect()
        .catch(() => undefined),
    ),
  );
  return inspected.filter((one) => one !== undefined);
}

/** What runs to its end is not started again: writers of secrets, migrations, drills. */
const isServer = ({ HostConfig }: Inspected) => HostConfig.RestartPolicy?.Name === "unless-stopped";

const serviceOf = ({ Config }: Inspected) => Config.Labels[SERVICE_LABEL] ?? "?";

const nameOf = ({ Name }: Inspected) => Name.replace(/^\//, "");

function seen(container: Inspected): Seen {
  const { State, Image, RestartCount } = container;
  const standing = standingOf(container);
  const check = State.Health?.Log.at(-1)?.Output.trim();
  const reason = standing === "stopped" ? `${State.Status}, exit code ${State.ExitCode}` : check;
  return {
    service: serviceOf(container),
    name: nameOf(container),
    image: Image,
    standing,
    ...(standing !== "ready" && reason !== undefined && reason !== "" && { reason }),
    restarts: RestartCount,
    ...(State.Running && { since: State.StartedAt }),
  };
}

function standingOf({ State }: Inspected): Standing {
  if (!State.Running) return "stopped";
  switch (State.Health?.Status) {
    case "unhealthy":
      return "unhealthy";
    case "starting":
      return "starting";
    default:
      return "ready";
  }
}

async function usage(docker: Docker, container: Inspected): Promise<Usage> {
  const {
    cpu_stats: now,
    precpu_stats: before,
    memory_stats: memory,
  } = await docker.getContainer(container.Id).stats({ stream: false });
  const system = now.system_cpu_usage - before.system_cpu_usage;
  const own = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const cores = system > 0 ? (own / system) * now.online_cpus : 0;
  // What files of it the kernel keeps is given back when somebody needs it.
  const { stats } = memory;
  // cgroup 1 sums it up over children; the newer one has it under another name.
  const files = Object.hasOwn(stats, "total_inactive_file") ? stats.total_inactive_file : stats.inactive_file;
  return {
    name: nameOf(container),
    cpuPercent: percentOf(cores, (container.HostConfig.NanoCpus ?? 0) / 1e9),
    memoryPercent: percentOf(memory.usage - files, container.HostConfig.Memory ?? 0),
  };
}

const PIECE_BYTES = 16_384;

async function readLogs(
  docker: Docker,
  stack: string,
  { service, sinceSeconds, isFollowed }: LogQuestion,
  take: (line: LogLine) => void,
): Promise<void> {
  const all = (await inspectAll(docker, stack)).filter((one) => service === undefined || serviceOf(one) === service);
  if (all.length === 0) throw noneOf(stack, service);
  const since = Math.floor(Date.now() / 1000) - sinceSeconds;
  const options = { stdout: true, stderr: true, timestamps: true, since };
  await Promise.all(
    all.map(async (one) => {
      const container = docker.getContainer(one.Id);
      const onLine = (text: string) => {
        const line = timedLine(text);
        if (line) take({ ...line, service: serviceOf(one), name: nameOf(one) });
      };
      const to = { onLine, onLogLine: onLine };
      if (!isFollowed) return readLines(docker, inPieces(await container.logs(options)), to);
      const stream = await container.logs({ ...options, follow: true });
      await whileElsewhere(
        () => readLines(docker, stream, to),
        () => {
          // What an engine sends goes on until it is let go.
          if (stream instanceof Readable) stream.destroy();
        },
      );
    }),
  );
}

/** The client takes the frames of a piece apart by recursion: a whole log in one piece is too deep for it. */
function inPieces(log: Buffer): Readable {
  const pieces = Array.from({ length: Math.ceil(log.length / PIECE_BYTES) }, (_, at) =>
    log.subarray(at * PIECE_BYTES, (at + 1) * PIECE_BYTES),
  );
  return Readable.from(pieces);
}
