import { beforeAll, describe, expect, it } from "vitest";
import { canary } from "../../test/pulumi/docker.ts";
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
import { isSecretEnvelope } from "../../test/pulumi/recorder.ts";

/** Everything: KEDA, an ingress, GPUs. */
let full: RecordedCluster;
beforeAll(async () => {
  const ingress = { host: "api.example.org" };
  full = await recordCluster(clusterStack({ ingress }, { gpu: { mode: "on" } }), { hasGpu: true });
});

const template = (stack: RecordedCluster, name: string) =>
  at(inputsOf(stack, TYPES.deployment, name), "spec", "template");

describe("secrets", () => {
  const CANARIES = ["database-password", "database-owner-password", "redis-password", "jwt-key", "secret-fingerprints"];

  it("stand in Secrets alone, and there only in envelopes", () => {
    const found = new Set<string>();
    for (const { type, name, inputs, sent } of full.resources) {
      const text = readable(inputs);
      const inClear = readable(sent);
      for (const key of [...CANARIES, "data-certificates"]) {
        if (text.includes(canary(key))) found.add(key);
        if (type !== TYPES.secret) expect(text, `${type} ${name}`).not.toContain(canary(key));
        expect(inClear, `${type} ${name}`).not.toContain(canary(key));
      }
      if (type !== TYPES.secret) expect(text, `${type} ${name}`).not.toContain("PRIVATE KEY");
    }
    // Those that nobody is given: keys of fingerprints and of certificates.
    expect([...found].sort()).toEqual(["database-owner-password", "database-password", "jwt-key", "redis-password"]);
  });

  it("change their Secret's name with the content, and so roll the pods; the same content does not", async () => {
    const config = clusterStack({ autoscaler: "none" });
    const name = async (redisPassword: string) => {
      const stack = await recordCluster(config, { secrets: { redisPassword } });
      const names = ["api", "migrate"].map((one) =>
        String(at(inputsOf(stack, TYPES.secret, `secrets-${one}`), "metadata", "name")),
      );
      expect(listAt(template(stack, "api"), "spec", "volumes")).toContainEqual({
        name: "secrets",
        secret: { secretName: names[0], defaultMode: 0o400 },
      });
      return names;
    };
    const [first, again, other] = [
      await name("one-password-01"),
      await name("one-password-01"),
      await name("other-password"),
    ];
    expect(first).toEqual(again);
    expect(other[0]).not.toBe(first[0]);
    // The migration does not read it.
    expect(other[1]).toBe(first[1]);
    expect(first[0]).toMatch(/^api-[0-9a-f]{16}$/);
  });

  it("taint nothing else: no name and no setting is hidden from a preview", () => {
    const hidden = full.resources.filter(({ sent }) =>
      JSON.stringify(sent).includes("1b47061264138c4ac30d75fd1eb44270"),
    );
    expect([...new Set(hidden.map(({ type }) => type))]).toEqual([TYPES.secret]);
  });

  it("cannot be changed in place, but for the note of what runs, and logins that servers take in", () => {
    const changing = ["backup-release", "logins-backup", "logins-postgres", "logins-redis"];
    const found: string[] = [];
    for (const type of [TYPES.secret, TYPES.configMap])
      for (const name of namesOf(full, type)) {
        const { immutable } = inputsOf(full, type, name);
        if (immutable === undefined) found.push(name);
        else expect(immutable, name).toBe(true);
      }
    expect(found.sort()).toEqual(changing);
  });
});

/** All text of recorded inputs, the contents of Secrets decoded; what stands in an envelope is left out. */
function readable(value: unknown): string {
  if (isSecretEnvelope(value)) return "";
  if (Array.isArray(value)) return value.map(readable).join("\n");
  if (typeof value === "object" && value !== null) return Object.values(value).map(readable).join("\n");
  if (typeof value !== "string") return "";
  return `${value}\n${Buffer.from(value, "base64").toString("latin1")}`;
}
