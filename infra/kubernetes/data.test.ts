import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import {
  at,
  clusterStack,
  inputsOf,
  listAt,
  namesOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";

let stack: RecordedCluster;
beforeAll(async () => {
  stack = await recordCluster(clusterStack({ storageClass: "fast", postgres: { maxConnections: 150 } }));
});

const set = (name: string) => inputsOf(stack, TYPES.statefulSet, name)["spec"];
const container = (name: string) => at(set(name), "template", "spec", "containers", 0);
const file = (of: RecordedCluster, service: string, name: string) =>
  Buffer.from(String(at(inputsOf(of, TYPES.secret, `secrets-${service}`), "data", name)), "base64").toString("utf8");

describe("Postgres and Redis in the cluster", () => {
  it("are one pod each, with a disk that stays when the pod goes", () => {
    for (const [name, size, folder] of [
      ["postgres", "20Gi", "/var/lib/postgresql"],
      ["redis", "5Gi", "/var/lib/redis"],
    ] as const) {
      expect(set(name)).toMatchObject({
        replicas: 1,
        serviceName: name,
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
        volumeClaimTemplates: [
          {
            metadata: { name: "data" },
            spec: {
              accessModes: ["ReadWriteOnce"],
              storageClassName: "fast",
              resources: { requests: { storage: size } },
            },
          },
        ],
      });
      expect(listAt(container(name), "volumeMounts")).toContainEqual({ name: "data", mountPath: folder });
    }
  });

  it("show certificates of their own, which the authority that clients get has signed", () => {
    for (const name of ["postgres", "redis"] as const) {
      const authority = new X509Certificate(file(stack, name, "ca.crt"));
      const server = new X509Certificate(file(stack, name, "tls.crt"));
      expect(server.verify(authority.publicKey), name).toBe(true);
      for (const host of [name, `${name}.slipway-unit.svc.cluster.local`]) expect(server.checkHost(host)).toBe(host);
      expect(file(stack, name, "tls.key")).toContain("PRIVATE KEY");
      const client = `${name === "postgres" ? "database" : "redis"}-ca.pem`;
      expect(file(stack, "worker-cpu", client)).toBe(file(stack, name, "ca.crt"));
    }
    expect(inputsOf(stack, TYPES.configMap, "api")["data"]).toMatchObject({
      DATABASE_HOST: "postgres",
      DATABASE_TLS: "verify",
      DATABASE_CA_FILE: "/run/secrets/slipway/database-ca.pem",
      REDIS_HOST: "redis",
      REDIS_TLS: "verify",
      REDIS_CA_FILE: "/run/secrets/slipway/redis-ca.pem",
    });
    // No one but the server has a server's key.
    for (const name of ["api", "worker-cpu", "migrate"])
      expect(Object.keys(at(inputsOf(stack, TYPES.secret, `secrets-${name}`), "data") as object)).not.toContain(
        "tls.key",
      );
  });

  it("take nobody in clear", () => {
    expect(listAt(container("postgres"), "args")).toEqual(
      [
        ...[
          "max_connections=150",
          "ssl=on",
          "ssl_cert_file=/run/secrets/slipway/tls.crt",
          "ssl_key_file=/run/secrets/slipway/tls.key",
        ],
        ...["ssl_min_protocol_version=TLSv1.2", "hba_file=/etc/slipway-cluster/pg_hba.conf"],
      ].flatMap((setting) => ["-c", setting]),
    );
    const rules = String(at(inputsOf(stack, TYPES.configMap, "postgres-files"), "data", "pg_hba.conf"));
    expect(rules.split("\n")).toEqual([
      ...["local all postgres peer", "host all postgres all reject", "hostssl all all all scram-sha-256", ""],
    ]);
    const redis = listAt(container("redis"), "args").join(" ");
    expect(redis).toContain("--port 0 --tls-port 6379 --tls-cert-file /run/secrets/slipway/tls.crt");
  });

  it("are protected in prod, with the namespace and the artifacts, and nothing else is", async () => {
    const prod = await recordCluster(clusterStack({}, { environment: "prod" }));
    const kept = prod.resources.filter(({ isProtected }) => isProtected).map(({ name }) => name);
    expect(kept.sort()).toEqual(["backups", "namespace", "objects", "postgres", "redis"]);
    expect(stack.resources.filter(({ isProtected }) => isProtected)).toEqual([]);
    const ending = await recordCluster(clusterStack({}, { environment: "prod", teardown: true }));
    expect(ending.resources.filter(({ isProtected }) => isProtected)).toEqual([]);
  });
});

describe("Postgres and Redis elsewhere", () => {
  it("are reached by TLS, under their own names, and nothing stands in for them", async () => {
    const ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const elsewhere = await recordCluster(
      clusterStack({
        postgres: { external: { host: "db.example.org", database: "jobs", ca } },
        redis: { external: { host: "cache.example.org", port: 6380 } },
        images: { api: "a:1", worker: "w:1" },
        importedImages: true,
      }),
    );
    expect(namesOf(elsewhere, TYPES.statefulSet)).toEqual([]);
    expect(namesOf(elsewhere, TYPES.service)).toEqual(["api"]);
    const settings = inputsOf(elsewhere, TYPES.configMap, "worker-cpu")["data"];
    expect(settings).toMatchObject({
      ...{ DATABASE_HOST: "db.example.org", DATABASE_NAME: "jobs", DATABASE_TLS: "verify" },
      ...{ REDIS_HOST: "cache.example.org", REDIS_PORT: "6380", REDIS_TLS: "verify" },
      DATABASE_CA_FILE: "/run/secrets/slipway/database-ca.pem",
    });
    // Its authority is one that Node knows.
    expect(settings).not.toHaveProperty("REDIS_CA_FILE");
    expect(file(elsewhere, "worker-cpu", "database-ca.pem")).toBe(ca);
    const [trigger] = listAt(inputsOf(elsewhere, TYPES.scaledObject, "worker-cpu-scale"), "spec", "triggers");
    expect(at(trigger, "metadata", "host")).toBe("db.example.org");
  });
});

describe("artifacts", () => {
  it("lie on one disk that API and workers share by a group: one reads, the others write, the migration has none", () => {
    const mounted = (type: string, name: string) => {
      const pod = at(inputsOf(stack, type, name), "spec", "template", "spec");
      const mount = listAt(pod, "containers", 0, "volumeMounts").find((one) => at(one, "name") === "objects");
      return [at(mount, "mountPath"), at(mount, "readOnly"), at(pod, "securityContext", "fsGroup")];
    };
    const folder = "/var/lib/slipway/objects";
    expect(mounted(TYPES.deployment, "api")).toEqual([folder, true, 10_010]);
    expect(mounted(TYPES.deployment, "worker-cpu")).toEqual([folder, false, 10_010]);
    expect(mounted(TYPES.job, "migrate")).toEqual([undefined, undefined, 10_001]);
    expect(inputsOf(stack, TYPES.claim, "objects")["spec"]).toEqual({
      accessModes: ["ReadWriteOnce"],
      storageClassName: "fast",
      resources: { requests: { storage: "10Gi" } },
    });
  });
});
