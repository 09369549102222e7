import { beforeAll, describe, expect, it, vi } from "vitest";
import { credentialsSchema } from "../configs/credential-slots.ts";
import { stackSchema } from "../configs/stack.ts";
import { manifestOfAll, names, recordStack, type RecordedStack } from "../test/pulumi/docker-stack.ts";
import { canary, containersOf, DOCKER_ANSWERS, renderedByDocker, TYPES } from "../test/pulumi/docker.ts";
import { known, record } from "../test/pulumi/recorder.ts";
import { stackSecrets } from "./secrets.ts";

vi.mock("./images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const PHASES = {
  none: { slot: "first", other: "none" },
  next: { slot: "first", other: "next" },
  last: { slot: "second", other: "last" },
  off: { slot: "second", other: "off" },
} as const;

function recorded(slots: { readonly slot: string; readonly other: string }): Promise<RecordedStack> {
  const credentials = { database: slots, redis: slots, jwt: slots };
  return recordStack(stackSchema.parse({ platform: "docker", environment: "dev", credentials }));
}

let stacks: Readonly<Record<keyof typeof PHASES, RecordedStack>>;
beforeAll(async () => {
  // One after another: a recording takes everything that is made meanwhile.
  const entries: [string, RecordedStack][] = [];
  for (const [name, slots] of Object.entries(PHASES)) entries.push([name, await recorded(slots)]);
  stacks = Object.fromEntries(entries) as typeof stacks;
});

const api = (phase: keyof typeof PHASES) => renderedByDocker(containersOf(stacks[phase].resources), "api");
const passwords = (phase: keyof typeof PHASES) =>
  names(stacks[phase], TYPES.password).filter((name) => !/^(backup-key|secret-fingerprints)$/.test(name));

const FIRST = ["database-owner-password", "database-password", "jwt-key", "redis-password"];
const BOTH = [...FIRST, ...FIRST.map((name) => `${name}-second`)].sort();

describe("slots", () => {
  it("are one until there is another, which is kept while it is off", () => {
    expect(passwords("none")).toEqual(FIRST);
    for (const phase of ["next", "last", "off"] as const) expect(passwords(phase), phase).toEqual(BOTH);
  });

  it("without the stack's file naming any are the first alone", async () => {
    const plain = await recordStack(stackSchema.parse({ platform: "docker", environment: "dev" }));
    const sent = ({ resources }: RecordedStack) => resources.filter(({ name }) => name !== "backup");
    expect(sent(plain).map(({ inputs }) => inputs)).toEqual(sent(stacks.none).map(({ inputs }) => inputs));
  });

  it("leave services alone until they move, and move them by another role, user and password", () => {
    expect(api("next").environment).toEqual(api("none").environment);
    expect(api("next").secretFiles).toMatchObject({ "database-password": canary("database-password") });
    expect(api("none").environment).not.toHaveProperty("REDIS_USER");
    expect(api("last").environment).toMatchObject({
      DATABASE_USER: "slipway_app_second",
      REDIS_USER: "slipway_second",
    });
    expect(api("last").secretFiles).toMatchObject({
      "database-password": canary("database-password-second"),
      "redis-password": canary("redis-password-second"),
    });
    expect(api("off").environment).toEqual(api("last").environment);
  });

  it("have one ring for the API while both are accepted, and the key of the other is in it no more once it is off", () => {
    const kids = (phase: keyof typeof PHASES) =>
      (JSON.parse(api(phase).secretFiles["jwt-keys"] ?? "") as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
    expect(kids("none")).toEqual(["generated"]);
    expect(kids("next")).toEqual(["generated", "generated-second"]);
    expect(kids("last")).toEqual(kids("next"));
    expect(kids("off")).toEqual(["generated-second"]);
  });

  it("are given to migrations and to the agent of backups too", () => {
    const environmentOf = (name: string) => containersOf(stacks.last.resources).get(name)?.container.envs;
    expect(environmentOf("migrate")).toContain("DATABASE_USER=slipway_owner_second");
    expect(environmentOf("backup")).toEqual(
      expect.arrayContaining(["DATABASE_USER=slipway_app_second", "REDIS_USER=slipway_second"]),
    );
  });
});

describe("what tokens are signed with", () => {
  const signing = async (slots: { readonly slot: string; readonly other: string }) => {
    const credentials = credentialsSchema.parse({ jwt: slots });
    const { result } = await record(() => stackSecrets(credentials), DOCKER_ANSWERS);
    const { keys } = JSON.parse(await known(result.jwtSigning)) as { keys: { kid: string }[] };
    return keys.at(-1)?.kid;
  };

  it("is the key of the slot that serves, whichever others are accepted", async () => {
    expect(await signing(PHASES.none)).toBe("generated");
    expect(await signing(PHASES.next)).toBe("generated");
    expect(await signing(PHASES.last)).toBe("generated-second");
    expect(await signing(PHASES.off)).toBe("generated-second");
    expect(await signing({ slot: "first", other: "last" })).toBe("generated");
  });
});

describe("what opens ENC(...) values", () => {
  const SECRETS = { aesSecret: "a".repeat(32), aesSecretSecond: "b".repeat(32) };
  const files = async (aes: { readonly slot: string; readonly other: string }) => {
    const config = stackSchema.parse({ platform: "docker", environment: "dev", credentials: { aes } });
    const { resources } = await recordStack(config, { secrets: SECRETS });
    const { secretFiles } = renderedByDocker(containersOf(resources), "api");
    return [secretFiles["aes-secret"], secretFiles["aes-secret-other"]];
  };

  it("is given to services, and while values are closed again the other one beside it", async () => {
    expect(await files({ slot: "first", other: "none" })).toEqual([SECRETS.aesSecret, undefined]);
    expect(await files({ slot: "first", other: "next" })).toEqual([SECRETS.aesSecret, SECRETS.aesSecretSecond]);
    expect(await files({ slot: "second", other: "last" })).toEqual([SECRETS.aesSecretSecond, SECRETS.aesSecret]);
    expect(await files({ slot: "second", other: "off" })).toEqual([SECRETS.aesSecretSecond, undefined]);
    expect(api("none").secretFiles).not.toHaveProperty("aes-secret");
  });
});
