import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadRuntime } from "../../configs/runtime.ts";
import {
  at,
  clusterStack,
  imageOf,
  inputsOf,
  listAt,
  namesOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";
import { breaches } from "../../policies/restricted.ts";

const KEYS = { offsiteAccessKeyId: "Canary-of-the-bucket-id", offsiteSecretAccessKey: "Canary-of-the-bucket-key" };
const S3 = { bucket: "copies", prefix: "slipway", region: "eu-central-1", endpoint: "https://s3.example.org:9000" };
const OFF = { backup: { enabled: false } };

let stack: RecordedCluster;
beforeAll(async () => {
  stack = await recordCluster(clusterStack({ storageClass: "fast", backups: { storageGiB: 7, storageClass: "slow" } }));
});

const template = (of: RecordedCluster, name = "postgres") =>
  at(inputsOf(of, TYPES.statefulSet, name), "spec", "template", "spec") as Record<string, unknown>;
const drillOf = (of: RecordedCluster) => at(inputsOf(of, TYPES.cronJob, "drill"), "spec");
const drillPod = (of: RecordedCluster) =>
  at(drillOf(of), "jobTemplate", "spec", "template", "spec") as Record<string, unknown>;
const settings = (of: RecordedCluster, name: string) =>
  at(inputsOf(of, TYPES.configMap, name), "data") as Record<string, string>;
const files = (of: RecordedCluster, service: string) =>
  Object.keys(at(inputsOf(of, TYPES.secret, `secrets-${service}`), "data") as object);

const changing = (service: string) =>
  Object.keys(at(inputsOf(stack, TYPES.secret, `logins-${service}`), "data") as object);

/** Where a container finds a volume, how, and what it is. */
function mounted(pod: unknown, container: number): Record<string, string> {
  const volumes = new Map(listAt(pod, "volumes").map((volume) => [at(volume, "name"), volume]));
  return Object.fromEntries(
    listAt(pod, "containers", container, "volumeMounts").map((mount) => {
      const volume = volumes.get(at(mount, "name"));
      const claim = at(volume, "persistentVolumeClaim");
      const what = String(at(claim, "claimName") ?? at(mount, "name"));
      const access = at(claim, "readOnly") === true ? "read" : at(mount, "readOnly") === true ? "looked at" : "write";
      return [at(mount, "mountPath"), `${what} ${access}`];
    }),
  ) as Record<string, string>;
}

describe("the agent in a cluster", () => {
  it("is a container in Postgres' pod that reads its disk, and shares the socket and the repository with it", () => {
    const pod = template(stack);
    const [postgres, agent] = listAt(pod, "containers");
    expect(at(agent, "name")).toBe("backup");
    expect(agent).toMatchObject({
      image: imageOf("backup"),
      command: ["/usr/local/bin/node", "/app/backup.mjs", "serve"],
      resources: { limits: { memory: "768Mi", cpu: "1" } },
      livenessProbe: { httpGet: { path: "/health/live", port: 8000 } },
    });
    expect(at(postgres, "name")).toBe("postgres");
    const shared = { "/var/lib/slipway/backups": "backups write", "/run/slipway/postgres": "socket write" };
    expect(mounted(pod, 0)).toMatchObject({ "/var/lib/postgresql": "data write", ...shared });
    expect(mounted(pod, 1)).toEqual({
      ...{ "/var/lib/postgresql": "data looked at", ...shared, "/var/lib/slipway/objects": "objects read" },
      ...{ "/run/secrets/slipway": "secrets-backup looked at", "/tmp": "tmp-backup write" },
      "/etc/slipway-release": "release looked at",
    });
  });

  it("keeps nobody from Postgres when it fails, and is nobody that Postgres could take for itself", () => {
    expect(at(template(stack), "containers", 1, "readinessProbe")).toBeUndefined();
    expect(at(inputsOf(stack, TYPES.service, "postgres"), "spec", "publishNotReadyAddresses")).toBe(true);
    expect(template(stack)["shareProcessNamespace"]).toBe(false);
    expect(at(inputsOf(stack, TYPES.service, "redis"), "spec", "publishNotReadyAddresses")).toBeUndefined();
    expect(template(stack, "redis")["shareProcessNamespace"]).toBe(true);
  });

  it("is let in by restricted, as drills are, and is in the group of artifacts", () => {
    for (const pod of [template(stack), drillPod(stack)]) {
      expect(breaches(pod)).toEqual([]);
      expect(at(pod, "securityContext")).toMatchObject({
        ...{ runAsUser: 10_003, fsGroup: 10_003, supplementalGroups: [10_010] },
      });
    }
  });

  it("comes after a step that gives the disk of artifacts to their group, which a disk that is looked at is not", async () => {
    const pod = at(inputsOf(stack, TYPES.job, "artifacts-disk"), "spec", "template", "spec") as Record<string, unknown>;
    expect(mounted(pod, 0)).toMatchObject({ "/var/lib/slipway/objects": "objects write" });
    expect(at(pod, "securityContext", "fsGroup")).toBe(10_010);
    expect(breaches(pod)).toEqual([]);
    const set = stack.resources.find(({ type, name }) => type === TYPES.statefulSet && name === "postgres");
    expect(set?.dependencies.join()).toContain("Job::artifacts-disk");
    const url = { url: "s3://bucket", region: "eu-central-1", serviceAccountAnnotations: {} };
    const remote = await recordCluster(clusterStack({ objects: url }));
    expect(namesOf(remote, TYPES.job)).toEqual(["migrate"]);
    expect(Object.keys(mounted(template(remote), 1))).not.toContain("/var/lib/slipway/objects");
  });

  it("has a repository of the size and class that the file names, and Postgres archives into it", () => {
    expect(inputsOf(stack, TYPES.claim, "backups")["spec"]).toMatchObject({
      storageClassName: "slow",
      resources: { requests: { storage: "7Gi" } },
    });
    expect(settings(stack, "postgres")).toMatchObject({
      BACKUP_REPOSITORY_DIR: "/var/lib/slipway/backups",
      POSTGRES_SOCKET_DIR: "/run/slipway/postgres",
    });
    expect(files(stack, "postgres")).toContain("backup-key");
  });

  it("is not started anew by a release: what runs is noted in a file that changes in place", async () => {
    const images = { ...(at(clusterStack(), "kubernetes", "images") as object), api: imageOf("other") };
    const released = await recordCluster(clusterStack({ storageClass: "fast", images }, { api: { replicas: 3 } }));
    const before = await recordCluster(clusterStack({ storageClass: "fast" }));
    expect(template(released)).toEqual(template(before));
    const note = JSON.parse(settings(released, "backup-release")["release.json"] ?? "") as unknown;
    expect(note).toMatchObject({ images: { api: imageOf("other") }, configuration: { api: { replicas: 3 } } });
  });
});

describe("the drill in a cluster", () => {
  it("runs in a pod on Postgres' node that reads repository and artifacts, on a disk that goes with it", () => {
    const pod = drillPod(stack);
    expect(mounted(pod, 0)).toEqual({
      ...{ "/var/lib/slipway/backups": "backups read", "/var/lib/slipway/objects": "objects read" },
      ...{ "/var/lib/slipway/drill": "drill write", "/tmp": "tmp write", "/run/secrets/slipway": "secrets looked at" },
    });
    const disk = listAt(pod, "volumes").find((volume) => at(volume, "name") === "drill");
    expect(at(disk, "ephemeral", "volumeClaimTemplate", "spec")).toMatchObject({
      storageClassName: "fast",
      resources: { requests: { storage: "22Gi" } },
    });
    expect(at(pod, "affinity", "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution")).toEqual([
      {
        labelSelector: { matchLabels: { "app.kubernetes.io/name": "postgres" } },
        topologyKey: "kubernetes.io/hostname",
      },
    ]);
    expect(at(pod, "containers", 0, "command")).toEqual(["/usr/local/bin/node", "/app/backup.mjs", "drill"]);
  });

  it("comes every week after the full backup, never twice at once, and is gone an hour after its end", () => {
    expect(drillOf(stack)).toMatchObject({
      ...{ schedule: "30 4 * * 0", concurrencyPolicy: "Forbid" },
      jobTemplate: { spec: { ttlSecondsAfterFinished: 3600, activeDeadlineSeconds: 21_600, backoffLimit: 0 } },
    });
  });

  it("asks Postgres over the network, and the agent leaves drills to it", () => {
    expect(settings(stack, "drill")).toMatchObject({
      ...{ POSTGRES_ASKED: "network", BACKUP_DRILL_DIR: "/var/lib/slipway/drill", DATABASE_TLS: "verify" },
    });
    expect(settings(stack, "backup")["BACKUP_DRILLS"]).toBe("elsewhere");
  });
});

it.each(["backup", "drill"])("the program of %s takes what it is given", (name) => {
  const directory = mkdtempSync(join(tmpdir(), "slipway-backup-files-"));
  try {
    const all = name === "backup" ? [...files(stack, name), ...changing(name)] : files(stack, name);
    for (const file of all) writeFileSync(join(directory, file), "k".repeat(40));
    const config = loadRuntime("backup", { ...settings(stack, name), SECRETS_DIR: directory });
    expect(config).toMatchObject({ DATABASE_HOST: "postgres", REDIS_HOST: "redis", REDIS_TLS: "verify" });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe("a bucket elsewhere", () => {
  it("is told to Postgres, agent and drill, and they alone reach it", async () => {
    const stack3 = await recordCluster(clusterStack({}, { backup: { offsite: { s3: S3 } } }), { secrets: KEYS });
    for (const name of ["postgres", "backup", "drill"])
      expect(settings(stack3, name)).toMatchObject({
        ...{ BACKUP_OFFSITE_URL: "s3://copies/slipway", BACKUP_OFFSITE_ENDPOINT: S3.endpoint },
      });
    for (const name of ["postgres", "backup"]) expect(files(stack3, name)).toContain("offsite-secret-access-key");
    const policy = inputsOf(stack3, TYPES.policy, "backups-to-offsite")["spec"];
    expect(at(policy, "podSelector", "matchExpressions", 0, "values")).toEqual(["postgres", "drill", "restore"]);
    expect(listAt(policy, "egress")).toEqual(
      ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map((cidr) => ({
        to: [{ ipBlock: { cidr } }],
        ports: [{ protocol: "TCP", port: 9000 }],
      })),
    );
    expect(namesOf(stack, TYPES.policy)).not.toContain("backups-to-offsite");
  });
});

describe("generations of data", () => {
  it("stand on claims of their own beside the StatefulSet's, which stays, and Redis begins empty with each", async () => {
    const data = { generation: "b", kept: ["first", "a"] };
    const later = await recordCluster(clusterStack({}, { data }));
    expect(namesOf(later, TYPES.claim)).toEqual([
      ...["backups", "objects", "postgres-a", "postgres-b", "redis-a", "redis-b"],
    ]);
    expect(mounted(template(later), 0)["/var/lib/postgresql"]).toBe("postgres-b write");
    expect(mounted(template(later), 1)["/var/lib/postgresql"]).toBe("postgres-b looked at");
    expect(mounted(template(later, "redis"), 0)["/var/lib/redis"]).toBe("redis-b write");
    expect(settings(later, "postgres")["POSTGRES_GENERATION"]).toBe("b");
    for (const name of ["postgres", "redis"])
      expect(at(inputsOf(later, TYPES.statefulSet, name), "spec", "volumeClaimTemplates")).toEqual(
        at(inputsOf(await recordCluster(clusterStack()), TYPES.statefulSet, name), "spec", "volumeClaimTemplates"),
      );
    const prod = await recordCluster(clusterStack({}, { data, environment: "prod" }));
    const kept = prod.resources.filter(({ isProtected }) => isProtected).map(({ name }) => name);
    expect(kept).toEqual(expect.arrayContaining(["postgres-a", "postgres-b", "redis-a", "redis-b"]));
  });
});

describe("without backups", () => {
  it("Postgres stands alone, and nothing is archived; the key stays, for those that were made", async () => {
    const off = await recordCluster(clusterStack({}, OFF));
    expect(listAt(template(off), "containers")).toHaveLength(1);
    expect(namesOf(off, TYPES.cronJob)).toEqual([]);
    expect(settings(off, "postgres")).not.toHaveProperty("BACKUP_REPOSITORY_DIR");
    expect(at(inputsOf(off, TYPES.service, "postgres"), "spec", "publishNotReadyAddresses")).toBeUndefined();
    expect(namesOf(off, TYPES.password)).toContain("backup-key");
    expect(namesOf(off, TYPES.claim)).toEqual(["backups", "objects"]);
  });
});
