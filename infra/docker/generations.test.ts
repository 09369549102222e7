import { beforeAll, describe, expect, it, vi } from "vitest";
import { stackSchema } from "../../configs/stack.ts";
import { manifestOfAll, recordStack, type RecordedStack } from "../../test/pulumi/docker-stack.ts";
import { containersOf, TYPES } from "../../test/pulumi/docker.ts";

vi.mock("../images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const NEXT = "20261129t0230";

const recorded = (data?: object): Promise<RecordedStack> =>
  recordStack(
    stackSchema.parse({ platform: "docker", environment: "dev", gpu: { mode: "off" }, ...(data && { data }) }),
  );

/** Volumes by logical name: the engine's name, and the labels. */
function volumes({ resources }: RecordedStack): Record<string, unknown> {
  return Object.fromEntries(
    resources
      .filter(({ type, inputs }) => type === TYPES.volume && inputs["name"] !== undefined)
      .filter(({ name }) => !name.startsWith("secrets-"))
      .map(({ name, inputs }) => [name, inputs]),
  );
}

/** Which volume stands at a folder of a container. */
function source({ resources }: RecordedStack, container: string, folder: string): string | undefined {
  const { mounts = [] } = containersOf(resources).get(container)?.container ?? {};
  return mounts.find(({ target }) => target === folder)?.source;
}

const PLACES = [
  ["postgres", "/var/lib/postgresql"],
  ["backup", "/var/lib/postgresql"],
  ["redis", "/var/lib/redis"],
] as const;

let first: RecordedStack;
let next: RecordedStack;
beforeAll(async () => {
  first = await recorded();
  next = await recorded({ generation: NEXT, kept: ["first"] });
});

describe("generations of data", () => {
  it("begin with one that has no suffix, whether or not the file names it", async () => {
    const named = await recorded({ generation: "first" });
    const identities = ({ resources }: RecordedStack) => resources.map(({ type, name }) => `${type} ${name}`);
    expect(identities(named)).toEqual(identities(first));
    for (const [container, folder] of PLACES)
      expect(source(first, container, folder), container).toBe(
        `volume-${container === "redis" ? "redis" : "postgres"}`,
      );
  });

  it("add two volumes when one goes to the next, and take none away", () => {
    const before = volumes(first);
    const after = volumes(next);
    expect(
      Object.keys(after)
        .filter((name) => !(name in before))
        .sort(),
    ).toEqual([`postgres-${NEXT}`, `redis-${NEXT}`]);
    // The same name, labels and logical name: the engine sees no change.
    for (const [name, inputs] of Object.entries(before)) expect(after[name], name).toEqual(inputs);
  });

  it("change nothing else than what stands on them", () => {
    const unlike = next.resources.filter(({ type, name, inputs }) => {
      const same = first.resources.find((one) => one.type === type && one.name === name);
      return same !== undefined && JSON.stringify(same.inputs) !== JSON.stringify(inputs);
    });
    // Two keys of the migration and the release follow from the containers' ids, which the mock does not change.
    expect(unlike.map(({ name }) => name).sort()).toEqual(["backup", "postgres", "redis"]);
    expect(next.resources.length).toBe(first.resources.length + 2);
  });

  it("serve Postgres, its agent and Redis from the one that is named", () => {
    for (const [container, folder] of PLACES)
      expect(source(next, container, folder), container).toBe(
        `volume-${container === "redis" ? "redis" : "postgres"}-${NEXT}`,
      );
  });

  it("are never begun empty, but for the first", () => {
    const settings = (of: RecordedStack) => containersOf(of.resources).get("postgres")?.container.envs ?? [];
    expect(settings(next)).toContain(`POSTGRES_GENERATION=${NEXT}`);
    expect(settings(first).filter((one) => one.startsWith("POSTGRES_GENERATION"))).toEqual([]);
  });

  it("are named by stack, service and generation, and labelled as their service's data", () => {
    const labels = (service: string) =>
      Object.entries({ data: "true", project: "slipway", service, stack: "unit" }).map(([key, value]) => ({
        label: `slipway.${key}`,
        value,
      }));
    for (const service of ["postgres", "redis"])
      expect(volumes(next)[`${service}-${NEXT}`]).toMatchObject({
        name: `slipway-unit-${service}-${NEXT}`,
        labels: labels(service),
      });
  });

  it("go back with what was kept, and keep the one that served", async () => {
    const back = await recorded({ generation: "first", kept: [NEXT] });
    expect(Object.keys(volumes(back)).sort()).toEqual(Object.keys(volumes(next)).sort());
    for (const [name, inputs] of Object.entries(volumes(next))) expect(volumes(back)[name], name).toEqual(inputs);
    expect(source(back, "postgres", "/var/lib/postgresql")).toBe("volume-postgres");
  });

  it("are let go one by one: what is no longer kept is no longer declared", async () => {
    const alone = await recorded({ generation: NEXT, kept: [] });
    expect(Object.keys(volumes(alone)).sort()).toEqual(["backups", "objects", `postgres-${NEXT}`, `redis-${NEXT}`]);
  });
});
