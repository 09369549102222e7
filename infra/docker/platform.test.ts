import { beforeAll, describe, expect, it, vi } from "vitest";
import { stackSchema } from "../../configs/stack.ts";
import { manifestOfAll, names, recordStack, type RecordedStack } from "../../test/pulumi/docker-stack.ts";
import { containersOf, renderedByDocker, TYPES } from "../../test/pulumi/docker.ts";
import { promised } from "../../test/pulumi/parity.ts";

vi.mock("../images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const IMAGES = ["api", "backup", "edge", "postgres", "redis", "worker"].map((name) => `image-${name}`);
const CONFIG = stackSchema.parse({ platform: "docker", environment: "dev" });
const DATA = ["postgres", "redis"];
const SERVICES = ["api-1", "api-2", "worker-cpu-1"];
const AGENT = "backup";
const WRITERS = ["api", "backup", "migrate", "postgres", "redis", "worker-cpu"].map((name) => `secrets-${name}`);
/** Those that write into a volume that is never another: who reads it is not replaced. */
const IN_PLACE = DATA.map((name) => `secrets-${name}`);

let stack: RecordedStack;
let gpuStack: RecordedStack;
beforeAll(async () => {
  stack = await recordStack(CONFIG);
  gpuStack = await recordStack(CONFIG, { hasGpu: true });
});

function containers(of: RecordedStack) {
  return [...containersOf(of.resources).values()];
}

describe("a stack", () => {
  it("is exactly these resources", () => {
    const types = new Set(stack.resources.map(({ type }) => type));
    expect(Object.fromEntries([...types].map((type) => [type, names(stack, type)]))).toEqual({
      "slipway:docker:Platform": ["docker"],
      [TYPES.image]: IMAGES,
      [TYPES.network]: ["inner", "outer"],
      [TYPES.volume]: [...DATA, ...WRITERS, "backups", "edge", "objects", "socket-postgres"].sort(),
      [TYPES.container]: [...DATA, ...SERVICES, ...WRITERS, AGENT, "edge", "migrate"].sort(),
      [TYPES.password]: [
        "backup-key",
        "database-owner-password",
        "database-password",
        "jwt-key",
        "redis-password",
        "secret-fingerprints",
      ],
      [TYPES.id]: ["api-release", ...IMAGES, "worker-cpu-release"],
      [TYPES.uuid]: ["migrate-done", "release"],
    });
  });

  it("runs an earlier release by the ids of its images, and builds all others", async () => {
    const [api, worker] = ["a", "b"].map((digit) => `sha256:${digit.repeat(64)}`);
    const back = await recordStack(stackSchema.parse({ ...CONFIG, release: { api, worker } }));
    expect(names(back, TYPES.image)).toEqual(["image-backup", "image-edge", "image-postgres", "image-redis"]);
    const images = Object.fromEntries(containers(back).map(({ name, container }) => [name, container.image]));
    expect(images).toMatchObject({ "api-1": api, "api-2": api, migrate: api, "worker-cpu-1": worker });
  });

  it("adds the GPU worker where there is a GPU, and nothing else", () => {
    const added = gpuStack.resources
      .map(({ type, name }) => `${type} ${name}`)
      .filter((one) => !stack.resources.some(({ type, name }) => one === `${type} ${name}`));
    expect(added.sort()).toEqual([
      `${TYPES.container} secrets-worker-gpu`,
      `${TYPES.container} worker-gpu-1`,
      `${TYPES.volume} secrets-worker-gpu`,
      `${TYPES.id} worker-gpu-release`,
    ]);
    expect(containers(gpuStack).filter(({ container }) => container.gpus !== undefined)).toMatchObject([
      { name: "worker-gpu-1", container: { gpus: "all" } },
    ]);
    expect(containers(stack).filter(({ container }) => container.gpus !== undefined)).toEqual([]);
  });

  it("hangs below one component that says when it is complete, and with what", () => {
    const [platform] = stack.resources.filter(({ type }) => type === "slipway:docker:Platform");
    expect(platform?.outputs).toEqual({ url: "http://127.0.0.1:8080" });
    const urn = "urn:pulumi:unit::slipway::slipway:docker:Platform::docker";
    const outside = stack.resources.filter(({ parent }) => parent !== urn).map(({ name }) => name);
    expect(outside.sort()).toEqual([
      "backup-key",
      "database-owner-password",
      "database-password",
      "docker",
      "jwt-key",
      "redis-password",
    ]);
  });
});

describe("every container that goes on running, and the migration", () => {
  const LONG = [...DATA, ...SERVICES, AGENT, "edge", "migrate", "worker-gpu-1"];
  const NOES: Readonly<Record<string, number>> = { [AGENT]: 6, postgres: 5, redis: 5 };

  it.each(LONG)("%s is locked down and limited", (name) => {
    const inputs = containersOf(gpuStack.resources).get(name)?.inputs;
    expect(inputs).toMatchObject({
      readOnly: true,
      capabilities: { drops: ["ALL"] },
      securityOpts: ["no-new-privileges"],
      init: true,
      logDriver: "json-file",
      // Two files of 50 MB are the 100 MB that a log may take.
      logOpts: { "max-size": "50m", "max-file": "2" },
    });
    expect(inputs?.["capabilities"]).not.toHaveProperty("adds");
    expect(inputs?.["user"]).toMatch(/^[1-9]\d{3,}:[1-9]\d{3,}$/);
    expect(inputs?.["memory"]).toBeGreaterThanOrEqual(64);
    expect(inputs?.["memorySwap"]).toBe(inputs?.["memory"]);
    expect(Number(inputs?.["cpus"])).toBeGreaterThan(0);
    for (const key of ["privileged", "networkMode", "pidMode", "ipcMode", "devices", "uploads"]) {
      expect(inputs).not.toHaveProperty(key);
    }
    if (name !== "migrate")
      expect(inputs).toMatchObject({
        restart: "unless-stopped",
        healthcheck: { retries: NOES[name] ?? 3 },
      });
  });

  it("is all of them but the short-lived ones that write secrets", () => {
    expect(names(gpuStack, TYPES.container).filter((name) => !name.startsWith("secrets-"))).toEqual(LONG.sort());
  });

  it("mounts nothing of the host", () => {
    for (const { name, inputs } of containers(gpuStack)) {
      const mounts = (inputs["mounts"] ?? []) as { type: string; source: string }[];
      for (const { type, source } of mounts) {
        expect(type, name).toBe("volume");
        expect(source, name).toMatch(/^volume-/);
      }
      expect(inputs, name).not.toHaveProperty("volumes");
    }
  });
});

describe("networks", () => {
  it("publish the edge on loopback and nothing else", () => {
    const published = containers(gpuStack).filter(({ container }) => container.ports !== undefined);
    expect(published.map(({ name }) => name)).toEqual(["edge"]);
    expect(published[0]?.container.ports).toEqual([
      { internal: 8080, external: 8080, ip: "127.0.0.1", protocol: "tcp" },
    ]);
  });

  it("publish the edge where the stack says", async () => {
    const config = stackSchema.parse({
      platform: "docker",
      environment: "dev",
      edge: { address: "0.0.0.0", port: 80 },
    });
    const edge = containersOf((await recordStack(config)).resources).get("edge");
    expect(edge?.container.ports).toMatchObject([{ external: 80, ip: "0.0.0.0" }]);
  });

  it("let only the edge out of the inner one", () => {
    const internal = stack.resources.filter(({ inputs }) => inputs["internal"] === true).map(({ name }) => name);
    expect(internal).toEqual(["inner"]);
    for (const { name, container } of containers(gpuStack)) {
      const joined = (container.networksAdvanced ?? []).map((network) => network.name).sort();
      const expected = name === "edge" ? ["network-inner", "network-outer"] : ["network-inner"];
      expect(joined, name).toEqual(name.startsWith("secrets-") ? [] : expected);
    }
  });

  it("give every release a name that its replicas alone answer to", () => {
    const aliases = SERVICES.map(
      (name) => containersOf(stack.resources).get(name)?.container.networksAdvanced?.[0]?.aliases,
    );
    expect(aliases).toEqual([["api-hex-api-release"], ["api-hex-api-release"], ["worker-cpu-hex-worker-cpu-release"]]);
  });
});

describe("replacement", () => {
  it("stops data services, their agent and the edge first, and never a service", () => {
    const order = (names: readonly string[]) =>
      names.map((name) => containersOf(gpuStack.resources).get(name)?.deleteBeforeReplace);
    expect(order([...DATA, AGENT, "edge"])).toEqual([true, true, true, true]);
    const beside = WRITERS.filter((name) => !IN_PLACE.includes(name));
    expect(order([...SERVICES, "worker-gpu-1", "migrate", ...beside])).toEqual(Array(9).fill(false));
    // Else a deploy that is killed would leave a state that speaks of contents which are not there any more.
    expect(order(IN_PLACE)).toEqual([true, true]);
    const rest = gpuStack.resources.filter(({ type }) => ([TYPES.image, TYPES.uuid] as string[]).includes(type));
    expect(rest.filter(({ deleteBeforeReplace }) => deleteBeforeReplace !== false)).toEqual([]);
  });

  it("makes anew what has nothing but its secrets changed: the plugin would leave it on the volume of before", () => {
    for (const name of ["migrate", AGENT])
      expect(containersOf(stack.resources).get(name)?.replaceOnChanges, name).toEqual(["mounts"]);
  });

  it("gives volumes with data fixed names, so that kept ones are taken up again, and marks them alone", () => {
    const marked = stack.resources.filter(({ inputs }) => JSON.stringify(inputs).includes("slipway.data"));
    expect(marked.map(({ inputs }) => inputs["name"]).sort()).toEqual(
      ["backups", "objects", "postgres", "redis"].map((name) => `slipway-unit-${name}`),
    );
  });

  it("lets a release take over only after migrations, behind hooks", () => {
    const gates = stack.resources.filter(({ beforeCreate }) => beforeCreate.length > 0);
    expect(gates.map(({ name, beforeCreate }) => [name, ...beforeCreate])).toEqual([
      ["migrate-done", "migrate-done-gate"],
      ["release", "release-gate"],
    ]);
    const dependencies = (name: string) => containersOf(stack.resources).get(name)?.dependencies ?? [];
    for (const name of SERVICES)
      expect(
        dependencies(name).some((urn) => urn.endsWith("::migrate-done")),
        name,
      ).toBe(true);
    expect(gates[1]?.inputs["keepers"]).toEqual({
      containers: "api-1-id,api-2-id,worker-cpu-1-id",
      edge: "edge-id",
      api: "api-hex-api-release",
    });
  });
});

describe("parity", () => {
  it("makes of every service what its description says", async () => {
    const { services, resources } = gpuStack;
    expect(services.running.map(({ name }) => name)).toEqual(["api", "worker-cpu", "worker-gpu"]);
    for (const spec of services.running) {
      const rendered = renderedByDocker(containersOf(resources), spec.name);
      expect(rendered).toEqual(await promised(spec, `sha256:image-${spec.image}`));
    }
  });

  it("gives workers the folder of a speech model where the stack names one, and nobody else", async () => {
    const config = stackSchema.parse({
      ...{ platform: "docker", environment: "dev" },
      speech: { engine: "kokoro", modelFolder: "/srv/kokoro" },
    });
    const { services, resources } = await recordStack(config, { hasGpu: true });
    const rendered = services.running.map(({ name }) => renderedByDocker(containersOf(resources), name));
    expect(rendered.map(({ model }) => model)).toEqual([undefined, "/srv/kokoro", "/srv/kokoro"]);
    expect(rendered.map(({ environment }) => environment["KOKORO_DEVICE"])).toEqual([undefined, "cpu", "cuda"]);
  });

  it("starts Postgres with as many connections as the budget counts with", () => {
    expect(containersOf(stack.resources).get("postgres")?.container.command).toEqual(["-c", "max_connections=100"]);
  });
});
