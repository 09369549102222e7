import { describe, expect, test } from "vitest";
import { bringBackContainer, bringBackName } from "./bring-back-container.ts";
import { restoreContainer, type AgentContainer, type RestoreOrder } from "./restore-container.ts";
import { claimsOf, generationOf, generationOfClaim, volumeLabels, volumeName, volumesOf } from "./volumes.ts";

const mount = (Type: string, Name: string | undefined, Destination: string, RW: boolean) => ({
  ...{ Type, Source: `/engine/${Name ?? "offsite"}`, Destination, RW, Driver: "local", Mode: "z", Propagation: "" },
  ...(Name === undefined ? {} : { Name }),
});

/** What the engine says of an agent's container, as far as it is looked at. */
function agent(env: readonly string[] = []): AgentContainer {
  const said = {
    Image: "sha256:abc",
    Config: {
      ...{
        User: "10003:10003",
        WorkingDir: "/app",
        Env: ["POSTGRES_SOCKET_DIR=/run/slipway/postgres", "A=b=c", ...env],
      },
      Cmd: ["/usr/local/bin/node", "/app/backup.mjs", "serve"],
    },
    HostConfig: {
      ...{ Memory: 805_306_368, MemorySwap: 805_306_368, NanoCpus: 1_000_000_000, GroupAdd: ["10010"] },
      ...{ Tmpfs: { "/tmp": "rw,size=64m" }, RestartPolicy: { Name: "unless-stopped" }, NetworkMode: "inner" },
    },
    Mounts: [
      mount("volume", "slipway-dev-postgres", "/var/lib/postgresql", false),
      mount("volume", "socket", "/run/slipway/postgres", true),
      mount("volume", "slipway-dev-backups", "/var/lib/slipway/backups", true),
      mount("volume", "slipway-dev-objects", "/var/lib/slipway/objects", false),
      mount("volume", "secrets", "/run/secrets", false),
      mount("bind", undefined, "/var/lib/slipway/offsite", true),
    ],
    NetworkSettings: { Networks: { inner: { Aliases: ["backup", "c0ffee"] }, offsite: { Aliases: ["c0ffee"] } } },
  };
  // The engine says a hundred other things that nobody looks at.
  return JSON.parse(JSON.stringify(said)) as AgentContainer;
}

const order: RestoreOrder = {
  ...{ stack: "dev", generation: "20261129t023000", typed: "10m ago" },
  ...{ to: "2026-11-29T02:30:00.000Z", target: "2026-11-29T02:30:00.000Z" },
};

test("has the agent's image, user, settings, secrets and repositories, and the new volume where the old one stood", () => {
  const made = restoreContainer(agent(), order);
  expect(made).toMatchObject({
    Image: "sha256:abc",
    User: "10003:10003",
    Env: ["POSTGRES_SOCKET_DIR=/run/slipway/postgres", "A=b=c"],
    Cmd: ["/usr/local/bin/node", "/app/backup.mjs", "restore", "--to", "2026-11-29T02:30:00.000Z"],
  });
  expect(
    made.HostConfig?.Mounts?.map(
      ({ Type, Source, Target, ReadOnly }) => `${Type} ${Source} ${Target} ${ReadOnly === true ? "ro" : "rw"}`,
    ),
  ).toEqual([
    "volume slipway-dev-backups /var/lib/slipway/backups rw",
    "volume slipway-dev-objects /var/lib/slipway/objects ro",
    "volume secrets /run/secrets ro",
    "bind /engine/offsite /var/lib/slipway/offsite rw",
    "volume slipway-dev-postgres-20261129t023000 /var/lib/postgresql rw",
  ]);
});

test("cannot reach the Postgres that serves, neither by network nor by socket, and is started once", () => {
  const { HostConfig } = restoreContainer(agent(["BACKUP_OFFSITE_URL=file:///var/lib/slipway/offsite"]), order);
  expect(HostConfig).toMatchObject({ NetworkMode: "none", RestartPolicy: { Name: "no" } });
  expect(HostConfig?.Tmpfs?.["/run/slipway/postgres"]).toContain("mode=0700,uid=10003,gid=10003");
});

test("is as bounded as any container of the stack", () => {
  expect(restoreContainer(agent(), order).HostConfig).toMatchObject({
    ...{ Memory: 805_306_368, MemorySwap: 805_306_368, NanoCpus: 1_000_000_000, GroupAdd: ["10010"] },
    ...{ CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"], ReadonlyRootfs: true, Init: true },
  });
});

test("with a repository on S3 it has the way out, and not the inner network", () => {
  const { HostConfig, NetworkingConfig } = restoreContainer(agent(["BACKUP_OFFSITE_URL=s3://bucket/x"]), order);
  expect(HostConfig?.NetworkMode).toBe("offsite");
  expect(Object.keys(NetworkingConfig?.EndpointsConfig ?? {})).toEqual(["offsite"]);
});

describe("the container that brings artifacts back", () => {
  const { HostConfig, ...made } = bringBackContainer(agent(["OBJECTS_URL=file:///var/lib/slipway/objects"]), "dev");

  test("has the artifacts to write, and everything else to read", () => {
    const mounts = HostConfig?.Mounts ?? [];
    expect(mounts.filter(({ ReadOnly }) => ReadOnly !== true).map(({ Source }) => Source)).toEqual([
      "slipway-dev-objects",
    ]);
    expect(mounts.map(({ Target }) => Target)).toEqual(
      expect.arrayContaining(["/var/lib/postgresql", "/var/lib/slipway/backups", "/run/secrets"]),
    );
  });

  test("is root for as long as it takes to become the store's owner, bounded like any other", () => {
    expect(made).toMatchObject({ User: "0:0", Image: "sha256:abc" });
    expect(made.Cmd?.slice(3)).toEqual(["sh", "/var/lib/slipway/objects", "/usr/local/bin/node", "/app/backup.mjs"]);
    expect(made.Cmd?.[2]).toMatch(/^exec setpriv --reuid=.* --bounding-set=-all,\+dac_read_search -- /);
    expect(HostConfig).toMatchObject({
      ...{ CapDrop: ["ALL"], CapAdd: ["SETUID", "SETGID", "SETPCAP", "DAC_READ_SEARCH"], GroupAdd: [] },
      ...{ SecurityOpt: ["no-new-privileges"], ReadonlyRootfs: true, Memory: 805_306_368 },
    });
  });

  test("is not taken for a restore", () => {
    expect(made.Labels?.["slipway.service"]).toBe("restore-artifacts");
    expect(bringBackName("dev")).toBe("slipway-dev-restore-artifacts");
  });
});

test("is known by its labels, and by them alone", () => {
  expect(restoreContainer(agent(), order).Labels).toEqual({
    "slipway.project": "slipway",
    "slipway.stack": "dev",
    "slipway.service": "restore",
    "slipway.restore.generation": "20261129t023000",
    "slipway.restore.typed": "10m ago",
    "slipway.restore.target": "2026-11-29T02:30:00.000Z",
  });
});

test("volumes have the names and labels that the platform gives them, and are found by them", () => {
  expect(volumesOf("dev", "first")).toEqual([
    { service: "postgres", name: "slipway-dev-postgres", resource: "postgres" },
    { service: "redis", name: "slipway-dev-redis", resource: "redis" },
  ]);
  expect(volumesOf("dev", "g-1").map(({ name, resource }) => [name, resource])).toEqual([
    ["slipway-dev-postgres-g-1", "postgres-g-1"],
    ["slipway-dev-redis-g-1", "redis-g-1"],
  ]);
  for (const generation of ["first", "g-1"]) {
    expect(generationOf("dev", "postgres", volumeName("dev", "postgres", generation))).toBe(generation);
    expect(generationOf("dev", "postgres", volumeName("dev", "redis", generation))).toBeUndefined();
  }
  expect(volumeLabels("dev", "postgres")).toEqual({
    "slipway.project": "slipway",
    "slipway.stack": "dev",
    "slipway.service": "postgres",
    "slipway.data": "true",
  });
});

test("claims too; those of the first generation no deploy declares, and a Redis elsewhere has none", () => {
  expect(claimsOf("first", true)).toEqual([
    { service: "postgres", name: "data-postgres-0" },
    { service: "redis", name: "data-redis-0" },
  ]);
  expect(claimsOf("g-1", false)).toEqual([{ service: "postgres", name: "postgres-g-1", resource: "postgres-g-1" }]);
  for (const generation of ["first", "g-1"]) {
    const [{ name }] = claimsOf(generation, true);
    expect(generationOfClaim("postgres", name)).toBe(generation);
    expect(generationOfClaim("redis", name)).toBeUndefined();
  }
  expect(generationOfClaim("postgres", "backups")).toBeUndefined();
});
