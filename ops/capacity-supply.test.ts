import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { Supply } from "../infra/plan/capacity.ts";
import { SIZES } from "../infra/plan/sizes.ts";
import { overlaid, shippedProd, usersOwn } from "../test/pulumi/prod-file.ts";
import { supplyOf } from "./capacity-supply.ts";
import { readStackConfig } from "./stack-config.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-capacity-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What a stack's file gives, as the program reads it. */
function supply(file: object, hasGpu = false): Supply {
  const secrets = { databasePassword: { secure: "v1:a:b" }, databaseOwnerPassword: { secure: "v1:a:b" } };
  const all = Object.entries({ ...file, ...secrets });
  const config = Object.fromEntries(all.map(([key, value]) => [`slipway:${key}`, value]));
  writeFileSync(join(folder, "Pulumi.unit.yaml"), stringify({ config }));
  const read = readStackConfig("unit", folder);
  if (read === undefined) throw new Error("the file was written");
  return supplyOf("unit", read, hasGpu);
}

const worker = ({ workers }: Supply, name: string) => workers.find((one) => one.name === name);

describe("what a stack's file gives to a load", () => {
  const docker = { platform: "docker", environment: "dev" };

  it("on a Docker engine is what runs, a GPU worker where the engine has one", () => {
    const given = supply({ ...docker, worker: { replicas: 3, concurrency: 8 }, postgres: { cpus: 2 } });
    expect(worker(given, "worker-cpu")).toMatchObject({
      ...{ copies: 3, concurrency: 8, copiesKey: "worker.replicas", concurrencyKey: "worker.concurrency" },
    });
    expect(worker(given, "worker-gpu")?.copies).toBe(0);
    expect(worker(supply(docker, true), "worker-gpu")).toMatchObject({ copies: 1, copiesKey: undefined });
    expect(given).toMatchObject({ maxConnections: 100, database: { cpus: 2, key: "postgres.cpus" } });
    expect(given.users.map(({ name }) => name)).toEqual(["api", "worker-cpu", "backup"]);
  });

  it("in a cluster is what an autoscaler may add", () => {
    const cluster = { ...docker, platform: "kubernetes" };
    const kubernetes = { importedImages: true, autoscaler: "hpa", workers: { maxReplicas: 9 } };
    const given = supply({ ...cluster, kubernetes });
    expect(worker(given, "worker-cpu")).toMatchObject({ copies: 9, copiesKey: "kubernetes.workers.maxReplicas" });
    expect(given).toMatchObject({ maxConnections: 200, maxConnectionsKey: "kubernetes.postgres.maxConnections" });
    const fixed = supply({ ...cluster, kubernetes: { ...kubernetes, autoscaler: "none" }, worker: { replicas: 2 } });
    expect(worker(fixed, "worker-cpu")).toMatchObject({ copies: 2, copiesKey: "worker.replicas" });
    const external = { host: "pg.example.org" };
    const elsewhere = supply({ ...cluster, kubernetes: { ...kubernetes, postgres: { external } } });
    expect(elsewhere.database).toBeUndefined();
  });

  it("on AWS is the size, its autoscaling limits, and what the GPU pools have room for", () => {
    const file = overlaid(shippedProd(), usersOwn({ caBundle: "rds.pem" }));
    const image = `registry.example.org/nvidia@sha256:${"5".repeat(64)}`;
    const gpu = [{ shape: "l4", max: 2, sharing: { mode: "time-slicing", replicas: 4 } }];
    const own = { kubernetes: { images: { devicePlugin: image, dcgmExporter: image } }, aws: { pools: { gpu } } };
    const given = supply(overlaid(file, own));
    const { maxReplicas, concurrency, cpus } = SIZES.small.worker;
    expect(worker(given, "worker-cpu")).toMatchObject({
      ...{ copies: maxReplicas, concurrency, cpus, copiesKey: "aws.overrides.worker.maxReplicas" },
      concurrencyKey: "aws.overrides.worker.concurrency",
    });
    expect(given.gpu).toEqual({ places: 8, placesPerNode: 4, key: "aws.pools.gpu[0].max" });
    // 4 x 2 and 3 x 4 vCPUs, of which pods have 17; four APIs have reserved one of them.
    expect(given.nodes).toMatchObject({ cpus: 16, cpusPerWorker: 0.5, key: "aws.pools.cpu.max", most: 4 });
    const metal = overlaid(file, { aws: { pools: { cpu: { instanceTypes: ["m7i.metal-24xl"] } } } });
    expect(supply(metal).nodes).toBeUndefined();
    // A burstable class, which may use a fifth of its vCPUs for good.
    expect(given.database?.cpus).toBeCloseTo(0.4);
  });
});
