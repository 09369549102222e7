import type Docker from "dockerode";
import { demultiplex } from "../infra/docker/engine.ts";
import { lastLines } from "./command.ts";
import { ignoringAbsent, statusOf } from "./engine-answers.ts";
import { PROJECT, type Deployment } from "./stack.ts";
import type { LeftBehind, LeftOver } from "./left-behind.ts";
import { sortedObjects, type Unmanaged } from "./unmanaged.ts";

/** Labels by which objects of ours are known; infra/docker/labels.ts writes them. */
const PROJECT_FILTER = `slipway.project=${PROJECT}`;
const stackFilter = (stack: string) => ["slipway.stack", stack].join("=");
const DATA_LABEL = "slipway.data";

/** Characters of a container's log line that are shown. */
const LOG_LINE = 300;

/** How many objects were removed, by sort. */
export type Removed = Readonly<Record<"containers" | "networks" | "volumes" | "images", number>>;

/** Something on the engine that bears a label of ours. */
interface Labelled {
  readonly kind: "container" | "network" | "volume";
  readonly name: string;
  readonly Labels: Readonly<Record<string, string>> | undefined;
}

/** As its state would name it. */
interface Found extends Labelled {
  readonly id: string;
}

/** @param label `name=value` that they all bear */
async function listObjects(docker: Docker, label: string): Promise<readonly Found[]> {
  const filters = { label: [label] };
  const containers = await docker.listContainers({ all: true, filters });
  const networks = await docker.listNetworks({ filters });
  const { Volumes } = await docker.listVolumes({ filters });
  return [
    ...containers.map(({ Names, Id, Labels }): Found => {
      return { kind: "container", id: Id, name: Names[0]?.slice(1) ?? Id, Labels };
    }),
    ...networks.map(({ Name, Id, Labels }): Found => ({ kind: "network", id: Id, name: Name, Labels })),
    ...Volumes.map(({ Name, Labels }): Found => ({ kind: "volume", id: Name, name: Name, Labels })),
  ];
}

/** What of a stack is on the engine and not in its state. */
async function findUnknown(docker: Docker, stack: string, { deployment }: Deployment): Promise<readonly Found[]> {
  const known = new Set((deployment.resources ?? []).flatMap(({ id }) => id ?? []));
  return (await listObjects(docker, stackFilter(stack))).filter(({ id }) => !known.has(id));
}

/**
 * Removes containers and networks of a stack that its state does not know: a killed deploy made them. Volumes stay, for
 * one that was kept on purpose looks the same.
 */
export async function removeUnknown(docker: Docker, stack: string, deployment: Deployment): Promise<number> {
  const unknown = await findUnknown(docker, stack, deployment);
  const idsOf = (wanted: Found["kind"]) => unknown.filter(({ kind }) => kind === wanted).map(({ id }) => id);
  const [containers, networks] = [idsOf("container"), idsOf("network")];
  for (const id of containers) await ignoring([404, 409], docker.getContainer(id).remove({ force: true, v: true }));
  for (const id of networks) await ignoring([404, 403, 409], docker.getNetwork(id).remove());
  return containers.length + networks.length;
}

/** Containers, networks and volumes that bear a stack's label and that its state does not know. */
export async function unmanagedOnEngine(docker: Docker, stack: string, deployment: Deployment): Promise<Unmanaged> {
  const unknown = await findUnknown(docker, stack, deployment);
  return { objects: sortedObjects(unknown.map(({ kind, name }) => ({ kind, name }))), unseen: [] };
}

/**
 * What is on the engine once a stack was taken down: what is left of it, and what other stacks left of which nobody has a state any more.
 *
 * @param others stacks of which there is a state
 */
export async function leftOnEngine(docker: Docker, stack: string, others: readonly string[]): Promise<LeftBehind> {
  return { objects: leftOvers(await listObjects(docker, PROJECT_FILTER), stack, others), unseen: [] };
}

const REMOVES: Readonly<Record<Labelled["kind"], string>> = {
  container: "docker rm --force --volumes",
  network: "docker network rm",
  volume: "docker volume rm",
};

/** Those of stacks that have a state are theirs. */
export function leftOvers(objects: readonly Labelled[], stack: string, others: readonly string[]): readonly LeftOver[] {
  const left = objects.flatMap(({ kind, name, Labels = {} }): LeftOver[] => {
    const whose = Labels["slipway.stack"] ?? "";
    if (others.includes(whose)) return [];
    const remove = `${REMOVES[kind]} ${name}`;
    if (whose !== stack)
      return [{ kind: `${kind} of ${whose}, a stack without a state in this user's folder:`, name, remove }];
    return [{ kind, name, remove, ...(Labels[DATA_LABEL] === "true" ? { kept: "data" } : {}) }];
  });
  return left.sort((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1));
}

export interface Keep {
  readonly data: boolean;
  readonly images: boolean;
}

/**
 * Removes everything that carries a stack's label, and the images of the project unless another stack is there.
 *
 * @param keep `data`: the volumes that hold data; `images`: those of the project, which another stack needs
 */
export async function removeAll(docker: Docker, stack: string, keep: Keep): Promise<Removed> {
  const filters = { label: [stackFilter(stack)] };
  const containers = await docker.listContainers({ all: true, filters });
  for (const { Id } of containers) await ignoring([404, 409], docker.getContainer(Id).remove({ force: true, v: true }));
  const networks = await docker.listNetworks({ filters });
  for (const { Id } of networks) await ignoring([404], docker.getNetwork(Id).remove());
  const { Volumes } = await docker.listVolumes({ filters });
  const volumes = Volumes.filter(({ Labels }) => !(keep.data && Labels[DATA_LABEL] === "true"));
  for (const { Name } of volumes) await ignoring([404], docker.getVolume(Name).remove());
  const others = await docker.listContainers({ all: true, filters: { label: [PROJECT_FILTER] } });
  const images = keep.images || others.length > 0 ? 0 : await removeImages(docker);
  return { containers: containers.length, networks: networks.length, volumes: volumes.length, images };
}

/** Images in rounds: one that another is made from goes after it. */
async function removeImages(docker: Docker): Promise<number> {
  let removed = 0;
  for (;;) {
    const images = await docker.listImages({ filters: { label: [PROJECT_FILTER] } });
    const names = images.flatMap(({ Id, RepoTags }) => {
      const tags = (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
      return tags.length > 0 ? tags : [Id];
    });
    let gone = 0;
    for (const name of names) if (await ignoring([404, 409], docker.getImage(name).remove())) gone++;
    removed += gone;
    if (gone === 0) return removed;
  }
}

async function ignoring(codes: readonly number[], work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (codes.includes(Number(statusOf(error)))) return false;
    throw error;
  }
}

/** The ends of the logs of a stack's containers that are unhealthy or exited with a fault. */
export async function faultyLogs(docker: Docker, stack: string): Promise<string> {
  const containers = await docker.listContainers({ all: true, filters: { label: [stackFilter(stack)] } });
  const texts = await Promise.all(
    containers.map(async ({ Id }) => {
      const container = docker.getContainer(Id);
      // What goes meanwhile has no fault.
      const inspected = await ignoringAbsent(container.inspect());
      if (inspected === undefined) return [];
      const how = fault(inspected.State);
      if (how === undefined) return [];
      const log = await ignoringAbsent(container.logs({ stdout: true, stderr: true, tail: 30 }));
      const lines = lastLines(log === undefined ? "" : demultiplex(log), 30)
        .split("\n")
        .map((line) => (line.length > LOG_LINE ? `${line.slice(0, LOG_LINE)}…` : line));
      return [`--- ${inspected.Name.slice(1)}: ${how}; the end of its log:\n${lines.join("\n")}`];
    }),
  );
  return texts.flat().join("\n");
}

interface ContainerState {
  readonly Status: string;
  readonly ExitCode: number;
  readonly Health?: { readonly Status: string } | undefined;
}

/** What is wrong with a container, if anything is. */
export function fault({ Status, ExitCode, Health }: ContainerState): string | undefined {
  if (Status === "restarting") return `restarting after exit code ${ExitCode}`;
  if ((Status === "exited" || Status === "dead") && ExitCode !== 0) return `exit code ${ExitCode}`;
  if (Status === "running" && Health?.Status === "unhealthy") return "unhealthy";
  return undefined;
}

/** The state with every data volume marked to stay when the stack is destroyed. */
export function keepingData({ deployment, ...rest }: Deployment): Deployment {
  const resources = (deployment.resources ?? []).map((resource) =>
    isDataVolume(resource) ? { ...resource, retainOnDelete: true } : resource,
  );
  return { ...rest, deployment: { ...deployment, resources } };
}

function isDataVolume(resource: Readonly<Record<string, unknown>>): boolean {
  if (resource["type"] !== "docker:index/volume:Volume") return false;
  const { inputs } = resource as { inputs?: { labels?: readonly { label?: unknown; value?: unknown }[] } };
  return inputs?.labels?.some(({ label, value }) => label === DATA_LABEL && value === "true") ?? false;
}
