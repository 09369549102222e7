import type { Rotated } from "../configs/credential-slots.ts";
import { findFolders } from "../toolchain/folders.ts";
import { readStackSettings, type StackSettings } from "../toolchain/stack-settings.ts";
import { findDocker } from "./agent.ts";
import { insideDocker } from "./inside-docker.ts";
import type { StackRotating } from "./rotating.ts";
import { databaseChecks, redisChecks, type Inside } from "./rotation-logins.ts";
import type { Checks } from "./rotation-run.ts";
import { jwtChecks } from "./rotation-tokens.ts";

/** Where a server stands that logins are rotated on, and so who says what a login is to it. */
export type Standing = "docker" | "cluster" | "aws" | "external";

/** The servers behind what is rotated. */
const SERVERS = { database: "postgres", redis: "redis" } as const;

export function standing(
  what: keyof typeof SERVERS,
  { platform, kubernetes }: Pick<StackSettings, "platform" | "kubernetes">,
): Standing {
  if (platform !== "kubernetes") return platform;
  return kubernetes[SERVERS[what]].external === undefined ? "cluster" : "external";
}

/**
 * Whether the stack itself refuses what served before, once nobody uses it. Not where others hold it, as tokens; nor where another's server takes
 * it, whose roles and users only he can shut out.
 */
export function isOwn(what: Rotated, stack: string): boolean {
  return (what === "database" || what === "redis") && standingOf(what, stack) !== "external";
}

export function isExternal(what: Rotated, stack: string): what is "database" | "redis" {
  return (what === "database" || what === "redis") && standingOf(what, stack) === "external";
}

function standingOf(what: keyof typeof SERVERS, stack: string): Standing {
  const settings = readStackSettings(stack, findFolders().root);
  // A file with faults is refused by the deploy, which says what they are.
  return settings === undefined ? "docker" : standing(what, settings);
}

/** Looks at what a slot is to its servers; nothing where there is nothing to look at. */
export async function checksOf(what: Rotated, rotating: StackRotating): Promise<Checks | undefined> {
  switch (what) {
    case "database":
    case "redis":
      return loginChecks(what, rotating);
    case "jwt":
      return jwtChecks(rotating);
    case "aes":
      // Nothing but a process opens what is closed with it, and a release that cannot is given up.
      return undefined;
  }
}

async function loginChecks(what: keyof typeof SERVERS, rotating: StackRotating): Promise<Checks> {
  const where = standingOf(what, rotating.name);
  switch (where) {
    case "docker":
      return byContainer(what, insideDocker(await findDocker(), rotating.name), rotating);
    case "cluster": {
      // With it comes a client.
      const { insideCluster } = await import("./inside-cluster.ts");
      return byContainer(what, insideCluster(await rotating.cluster()), rotating);
    }
    case "aws":
    case "external": {
      const { apiChecks } = await import("./rotation-api-logins.ts");
      return apiChecks(what, where, rotating);
    }
  }
}

function byContainer(what: keyof typeof SERVERS, inside: Inside, rotating: StackRotating): Checks {
  return what === "database" ? databaseChecks(inside, rotating) : redisChecks(inside, rotating);
}
