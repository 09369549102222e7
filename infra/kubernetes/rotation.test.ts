import { beforeAll, describe, expect, it } from "vitest";
import { canary } from "../../test/pulumi/docker.ts";
import {
  at,
  clusterStack,
  inputsOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";

const PHASES = {
  none: { slot: "first", other: "none" },
  next: { slot: "first", other: "next" },
  last: { slot: "second", other: "last" },
  off: { slot: "second", other: "off" },
} as const;
type Phase = keyof typeof PHASES;

let stacks: Readonly<Record<Phase, RecordedCluster>>;
beforeAll(async () => {
  // One after another: a recording takes everything that is made meanwhile.
  const entries: [string, RecordedCluster][] = [];
  for (const [name, slots] of Object.entries(PHASES))
    entries.push([name, await recordCluster(clusterStack({}, { credentials: { database: slots, redis: slots } }))]);
  stacks = Object.fromEntries(entries) as typeof stacks;
});

const files = (phase: Phase, name: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(at(inputsOf(stacks[phase], TYPES.secret, name), "data") as Record<string, string>).map(
      ([file, text]) => [file, Buffer.from(text, "base64").toString("utf8")],
    ),
  );
const settings = (phase: Phase, name: string) => at(inputsOf(stacks[phase], TYPES.configMap, name), "data");

describe("a rotation in a cluster", () => {
  it.each(["postgres", "redis"])("changes nothing of the pod of %s, nor of who shares it", (name) => {
    const template = (phase: Phase) => at(inputsOf(stacks[phase], TYPES.statefulSet, name), "spec");
    for (const phase of ["next", "last", "off"] as const) expect(template(phase), phase).toEqual(template("none"));
  });

  it("gives both servers the logins that are accepted, in Secrets whose names stay", () => {
    const logins = (phase: Phase) => ({ ...files(phase, "logins-postgres"), ...files(phase, "logins-redis") });
    const FIRST = ["database-owner-password", "database-password", "redis-password"];
    const SECOND = FIRST.map((name) => `${name}-second`);
    const named = (phase: Phase) => Object.keys(logins(phase)).sort();
    expect(named("none")).toEqual(FIRST);
    for (const phase of ["next", "last"] as const) expect(named(phase), phase).toEqual([...FIRST, ...SECOND].sort());
    expect(named("off")).toEqual(SECOND);
    for (const [file, content] of Object.entries(logins("last"))) expect(content).toBe(canary(file));
    for (const phase of ["none", "off"] as const)
      expect(at(inputsOf(stacks[phase], TYPES.secret, "logins-redis"), "metadata", "name")).toBe("redis-logins");
  });

  it("moves services to the second role, user and password, and not before they are to", () => {
    expect(settings("next", "worker-cpu")).toEqual(settings("none", "worker-cpu"));
    expect(files("next", "secrets-worker-cpu")).toEqual(files("none", "secrets-worker-cpu"));
    expect(settings("last", "worker-cpu")).toMatchObject({
      DATABASE_USER: "slipway_app_second",
      REDIS_USER: "slipway_second",
    });
    expect(files("last", "secrets-worker-cpu")).toMatchObject({
      "database-password": canary("database-password-second"),
      "redis-password": canary("redis-password-second"),
    });
    expect(files("off", "secrets-worker-cpu")).toEqual(files("last", "secrets-worker-cpu"));
  });

  it("tells the backup agent by files that change, and its drill by settings", () => {
    expect(files("next", "logins-backup")).toEqual(files("none", "logins-backup"));
    expect(files("none", "logins-backup")).not.toHaveProperty("redis-user");
    expect(files("last", "logins-backup")).toMatchObject({
      "redis-user": "slipway_second",
      "redis-password": canary("redis-password-second"),
    });
    expect(settings("last", "drill")).toMatchObject({
      DATABASE_USER: "slipway_app_second",
      REDIS_USER: "slipway_second",
    });
  });
});
