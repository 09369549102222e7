import { beforeAll, describe, expect, it, vi } from "vitest";
import { stackSchema } from "../../configs/stack.ts";
import { manifestOfAll, recordStack } from "../../test/pulumi/docker-stack.ts";
import { containersOf, renderedByDocker, type RecordedContainer } from "../../test/pulumi/docker.ts";
import {
  at,
  clusterStack,
  imageOf,
  inputsOf,
  listAt,
  recordCluster,
  renderedByKubernetes,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";

vi.mock("../images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

/** What both stacks say; sizes that are no one's default, so that a forgotten one shows. */
const SAME = {
  api: { replicas: 3, memoryMiB: 500, cpus: 1.5 },
  worker: { replicas: 2, memoryMiB: 1024, cpus: 0.7, concurrency: 6 },
  gpu: { mode: "on", memoryMiB: 3000, cpus: 3 },
  drainSeconds: 40,
};

/** What only a network that is not ours alone needs: the way to check who answers. */
const TLS = {
  DATABASE_TLS: "verify",
  DATABASE_CA_FILE: "/run/secrets/slipway/database-ca.pem",
  REDIS_TLS: "verify",
  REDIS_CA_FILE: "/run/secrets/slipway/redis-ca.pem",
};
const AUTHORITIES = ["database-ca.pem", "redis-ca.pem"];

let containers: ReadonlyMap<string, RecordedContainer>;
let cluster: RecordedCluster;
beforeAll(async () => {
  const docker = await recordStack(stackSchema.parse({ platform: "docker", environment: "dev", ...SAME }), {
    hasGpu: true,
  });
  containers = containersOf(docker.resources);
  cluster = await recordCluster(clusterStack({ autoscaler: "none" }, SAME), { hasGpu: true });
});

describe.each(["api", "worker-cpu", "worker-gpu"])("%s on Docker and on Kubernetes", (name) => {
  const rendered = () => {
    const spec = cluster.services.running.find((one) => one.name === name);
    if (!spec) throw new Error(`no service is named ${name}`);
    return { spec, docker: renderedByDocker(containers, name), kubernetes: renderedByKubernetes(cluster, spec) };
  };

  it("is the same program, user, size, number and question", () => {
    const { spec, docker, kubernetes } = rendered();
    for (const key of ["command", "uid", "memoryMiB", "cpus", "probe", "replicas", "gpu", "model"] as const)
      expect(kubernetes[key], key).toEqual(docker[key]);
    expect([docker.image, kubernetes.image]).toEqual([`sha256:image-${spec.image}`, imageOf(spec.image)]);
  });

  it("has the same settings and secrets, and the servers' authorities besides", () => {
    const { docker, kubernetes } = rendered();
    expect(kubernetes.environment).toEqual({ ...docker.environment, ...TLS });
    const names = (files: object) => Object.keys(files).sort();
    expect(names(kubernetes.secretFiles)).toEqual([...names(docker.secretFiles), ...AUTHORITIES].sort());
    for (const [file, content] of Object.entries(docker.secretFiles))
      expect(kubernetes.secretFiles[file], file).toBe(content);
  });

  it("has as long to drain after SIGTERM", () => {
    const pod = at(inputsOf(cluster, TYPES.deployment, name), "spec", "template", "spec");
    const preStop = Number(at(pod, "containers", 0, "lifecycle", "preStop", "sleep", "seconds") ?? 0);
    const docker = containers.get(`${name}-1`)?.inputs["destroyGraceSeconds"];
    expect(Number(at(pod, "terminationGracePeriodSeconds")) - preStop).toBe(docker);
    expect(docker).toBe(SAME.drainSeconds + 5);
  });
});

describe("the migration on Docker and on Kubernetes", () => {
  it("is the same program, user and size, with the owner's password alone", () => {
    const docker = containers.get("migrate")?.container;
    const pod = at(inputsOf(cluster, TYPES.job, "migrate"), "spec", "template", "spec");
    expect(listAt(pod, "containers", 0, "command")).toEqual(docker?.command);
    expect(
      `${String(at(pod, "securityContext", "runAsUser"))}:${String(at(pod, "securityContext", "runAsGroup"))}`,
    ).toBe(docker?.user);
    expect(at(pod, "containers", 0, "resources", "limits")).toEqual({ memory: `${docker?.memory ?? 0}Mi`, cpu: "1" });
    const files = at(inputsOf(cluster, TYPES.secret, "secrets-migrate"), "data");
    expect(Object.keys(files as object).sort()).toEqual(["database-ca.pem", "database-password"]);
  });
});
