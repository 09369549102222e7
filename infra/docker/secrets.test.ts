import { beforeAll, describe, expect, it, vi } from "vitest";
import { stackSchema } from "../../configs/stack.ts";
import { manifestOfAll, names, recordStack, type RecordedStack } from "../../test/pulumi/docker-stack.ts";
import { canary, containersOf, renderedByDocker, TYPES } from "../../test/pulumi/docker.ts";
import { isSecretEnvelope } from "../../test/pulumi/recorder.ts";

vi.mock("../images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const CONFIG = stackSchema.parse({ platform: "docker", environment: "dev" });

const IN_PLACE = ["postgres", "redis"];

let stack: RecordedStack;
let gpuStack: RecordedStack;
beforeAll(async () => {
  stack = await recordStack(CONFIG);
  gpuStack = await recordStack(CONFIG, { hasGpu: true });
});

describe("secrets", () => {
  const USED = ["backup-key", "database-password", "database-owner-password", "redis-password", "jwt-key"];
  const ALL = [...USED, "secret-fingerprints"];

  it("stand in uploads alone: in no setting, command, label, name or any other input", () => {
    for (const { type, name, inputs } of gpuStack.resources) {
      const shown = JSON.stringify({ ...inputs, uploads: undefined });
      for (const secret of ALL) expect(shown, `${secret} in ${type} ${name}`).not.toContain(canary(secret));
    }
    const uploaded = JSON.stringify(gpuStack.resources.map(({ inputs }) => inputs["uploads"]));
    for (const secret of USED) expect(uploaded).toContain(canary(secret));
    expect(uploaded).not.toContain(canary("secret-fingerprints"));
  });

  it("go to the engine as secrets, so that the state holds them encrypted", () => {
    for (const { name, sent } of gpuStack.resources.filter(({ inputs }) => inputs["uploads"] !== undefined)) {
      const opened: unknown[] = [];
      JSON.stringify(sent, (_key, value: unknown) => {
        if (!isSecretEnvelope(value)) return value;
        opened.push(value.value);
        return "hidden";
      });
      expect(opened.length, name).toBeGreaterThan(0);
      const clear = JSON.stringify(sent, (_key, value: unknown) => (isSecretEnvelope(value) ? "hidden" : value));
      for (const secret of ALL) expect(clear, name).not.toContain(canary(secret));
    }
  });

  it("make nothing else secret: a preview shows every other change", () => {
    for (const { type, name, sent } of gpuStack.resources) {
      JSON.stringify({ ...sent, uploads: undefined }, (_key, value: unknown) => {
        expect(isSecretEnvelope(value), `${type} ${name}`).toBe(false);
        return value;
      });
    }
  });

  it("are files of mode 0400 that their service's user owns, on a volume that it cannot write", () => {
    const all = containersOf(gpuStack.resources);
    const readers = [...all.values()].filter(({ name }) => !name.startsWith("secrets-") && name !== "edge");
    for (const { name, container } of readers) {
      const writer = all.get(`secrets-${name.replace(/-\d+$/, "")}`);
      const uploads = writer?.container.uploads ?? [];
      expect(uploads.length, name).toBeGreaterThan(0);
      const isInPlace = IN_PLACE.includes(name);
      for (const { file, permissions } of uploads) {
        const folder = `/run/secrets/slipway/${isInPlace ? ".next/" : ""}`;
        expect([file.replace(/[^/]+$/, ""), permissions]).toEqual([folder, "0400"]);
      }
      const given = isInPlace
        ? uploads.map(({ file }) => file.split("/").at(-1) ?? "").sort()
        : ["/run/secrets/slipway"];
      expect(writer?.container.command).toEqual([
        ...(isInPlace ? [container.user] : ["--recursive", container.user]),
        ...given,
      ]);
      expect(writer?.inputs).toMatchObject({
        networkMode: "none",
        capabilities: { adds: ["CAP_CHOWN"], drops: ["ALL"] },
        securityOpts: ["no-new-privileges"],
      });
      const mount = container.mounts?.find(({ target }) => target === "/run/secrets/slipway");
      expect(mount).toMatchObject({ source: writer?.container.mounts?.[0]?.source, readOnly: true });
    }
  });

  it("take the stack's own where it brings one, and generate the others", async () => {
    const own = await recordStack(CONFIG, { secrets: { databasePassword: "Own-password-of-the-stack" } });
    expect(names(own, TYPES.password)).toEqual([
      "backup-key",
      "database-owner-password",
      "jwt-key",
      "redis-password",
      "secret-fingerprints",
    ]);
    const { secretFiles } = renderedByDocker(containersOf(own.resources), "api");
    expect(secretFiles["database-password"]).toBe("Own-password-of-the-stack");
  });

  it("leave a new volume and a new writer behind when they change, told by a fingerprint", async () => {
    const own = await recordStack(CONFIG, { secrets: { redisPassword: "Another-redis-password" } });
    expect(volumeOf(own, "secrets-api")["labels"]).not.toEqual(volumeOf(stack, "secrets-api")["labels"]);
    expect(volumeOf(own, "secrets-migrate")["labels"]).toEqual(volumeOf(stack, "secrets-migrate")["labels"]);
  });

  it("of Postgres and Redis change in place: what a rotation changes of them is the writer alone", async () => {
    const slots = { slot: "second", other: "last" };
    const rotated = await recordStack(
      stackSchema.parse({ ...CONFIG, credentials: { database: slots, redis: slots, jwt: slots } }),
    );
    for (const service of IN_PLACE) {
      expect(volumeOf(rotated, `secrets-${service}`)).toEqual(volumeOf(stack, `secrets-${service}`));
      const [was, is] = [stack, rotated].map((of) => containersOf(of.resources).get(service)?.inputs);
      expect(is).toEqual(was);
    }
    const written = (name: string) => containersOf(rotated.resources).get(`secrets-${name}`)?.container.command;
    const logins = ["database-owner-password", "database-owner-password-second"];
    expect(written("postgres")).toEqual(
      expect.arrayContaining([...logins, "database-password", "database-password-second"]),
    );
    expect(written("redis")).toEqual(["10004:10004", "redis-password", "redis-password-second"]);
  });
});

function volumeOf({ resources }: RecordedStack, name: string): Readonly<Record<string, unknown>> {
  return resources.find((one) => one.type === TYPES.volume && one.name === name)?.inputs ?? {};
}
