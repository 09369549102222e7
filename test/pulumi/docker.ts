import { secret } from "@pulumi/pulumi";
import { MODEL_FOLDER } from "../../infra/contract.ts";
import type { Answers, RecordedResource } from "./recorder.ts";
import type { RenderedService } from "./parity.ts";

/** Types of everything that a stack on a Docker engine is made of, by the names that tests use. */
export const TYPES = {
  container: "docker:index/container:Container",
  volume: "docker:index/volume:Volume",
  network: "docker:index/network:Network",
  image: "docker:index/remoteImage:RemoteImage",
  password: "random:index/randomPassword:RandomPassword",
  id: "random:index/randomId:RandomId",
  uuid: "random:index/randomUuid:RandomUuid",
} as const;

/** A secret that no other text of a stack looks like. */
export function canary(name: string): string {
  return `Canary-of-${name}-Zq7`;
}

/** What the plugins would answer; every generated password is a canary. */
export const DOCKER_ANSWERS: Answers = {
  [TYPES.image]: (name) => ({ imageId: `sha256:${name}` }),
  [TYPES.volume]: (name) => ({ name: `volume-${name}` }),
  [TYPES.network]: (name) => ({ name: `network-${name}` }),
  [TYPES.password]: (name) => ({ result: secret(canary(name)) }),
  [TYPES.id]: (name) => ({ hex: `hex-${name}` }),
  [TYPES.uuid]: (name) => ({ result: `uuid-${name}` }),
};

/** Inputs of a container, as far as tests look at them. */
export interface ContainerInputs {
  readonly image: string;
  readonly user: string;
  readonly command?: readonly string[];
  readonly envs?: readonly string[];
  readonly memory?: number;
  readonly cpus?: string;
  readonly gpus?: string;
  readonly mounts?: readonly { readonly source: string; readonly target: string; readonly readOnly?: boolean }[];
  readonly networksAdvanced?: readonly { readonly name: string; readonly aliases?: readonly string[] }[];
  readonly ports?: readonly { readonly ip: string; readonly external: number; readonly internal: number }[];
  readonly healthcheck?: { readonly tests: readonly string[] };
  readonly uploads?: readonly { readonly file: string; readonly content: string; readonly permissions: string }[];
}

export interface RecordedContainer extends RecordedResource {
  readonly container: ContainerInputs;
}

/** The containers among recorded resources, by logical name. */
export function containersOf(resources: readonly RecordedResource[]): ReadonlyMap<string, RecordedContainer> {
  return new Map(
    resources
      .filter(({ type }) => type === TYPES.container)
      .map((resource) => [resource.name, { ...resource, container: asContainer(resource) }]),
  );
}

/** The SDK's own type has made these inputs; what a test looks at and is missing shows as a failed expectation. */
function asContainer({ inputs }: RecordedResource): ContainerInputs {
  const { image, user } = inputs;
  if (typeof image !== "string" || typeof user !== "string") throw new Error("a container without image or user");
  return { ...inputs, image, user };
}

/** What became of a service: its replicas, which must be alike, as the common shape. */
export function renderedByDocker(containers: ReadonlyMap<string, RecordedContainer>, service: string): RenderedService {
  const replicas = [...containers].filter(([name]) => new RegExp(`^${service}-\\d+$`).test(name));
  const [first] = replicas;
  const writer = containers.get(`secrets-${service}`);
  if (!first || !writer) throw new Error(`${service} has no container, or no secrets`);
  const { container } = first[1];
  const files = (writer.container.uploads ?? []).map(({ file, content }) => [file.split("/").at(-1) ?? "", content]);
  return {
    image: container.image,
    command: container.command ?? [],
    environment: Object.fromEntries((container.envs ?? []).map(splitAssignment)),
    secretFiles: Object.fromEntries(files) as Record<string, string>,
    uid: Number(container.user.split(":")[0]),
    memoryMiB: container.memory ?? 0,
    cpus: Number(container.cpus),
    probe: container.healthcheck?.tests.slice(1) ?? [],
    replicas: replicas.length,
    gpu: container.gpus === "all",
    model: container.mounts?.find(({ target, readOnly }) => target === MODEL_FOLDER && readOnly === true)?.source,
  };
}

function splitAssignment(env: string): [string, string] {
  const at = env.indexOf("=");
  return [env.slice(0, at), env.slice(at + 1)];
}
