import { slotKey, slotName, type Slot } from "../configs/credential-slots.ts";
import { roleName } from "../infra/logins.ts";
import { answerSchema, type Answer, type Question } from "../jobs/login-question.ts";
import { UserError } from "../toolchain/command.ts";
import { readyPods } from "../toolchain/port-forward.ts";
import { askInPod } from "../toolchain/platforms/pod-exec.ts";
import type { StackRotating } from "./rotating.ts";
import { together } from "./rotation-logins.ts";
import type { Checks } from "./rotation-run.ts";

/** Of the image of the API. */
const PROGRAM = ["/usr/local/bin/node", "/app/try-login.mjs"];
const API = { service: "api", port: 8000 } as const;

/** Asks in a pod that runs, as its programs reach the servers. */
export type AskServer = (question: Question) => Promise<Answer>;

type Secrets = Pick<StackRotating, "secret">;
type InCluster = Secrets & Pick<StackRotating, "cluster">;

/** What is asked where no server is a container of the stack's: by a pod of the API, over the network and by TLS. */
export function apiChecks(what: "database" | "redis", where: "aws" | "external", rotating: InCluster): Checks {
  const ask: AskServer = async (question) => askApiPod(rotating, question);
  return what === "database" ? remoteDatabase(ask, rotating) : remoteRedis(ask, where, rotating);
}

export function remoteDatabase(ask: AskServer, secrets: Secrets): Checks {
  const login = async (role: "app" | "owner", slot: Slot) => {
    const [key, file] =
      role === "app"
        ? (["databasePassword", "database-password"] as const)
        : (["databaseOwnerPassword", "database-owner-password"] as const);
    const password = (await secrets.secret(slotKey(key, slot), slotName(file, slot))) ?? "";
    return isTaken(await ask({ ask: "database", user: roleName(role, slot), password }));
  };
  return {
    taken: async (slot) => together([await login("app", slot), await login("owner", slot)]),
    users: async (slot) => {
      const roles = (["app", "owner"] as const).map((role) => roleName(role, slot));
      const said = await ask({ ask: "users", roles });
      return "users" in said ? said.users : ["unknown: Postgres did not say"];
    },
  };
}

/** Why nobody can know who comes by which of two passwords. */
const UNKNOWN = {
  aws: "ElastiCache does not tell which of its two tokens a client came with",
  external: "both passwords are of one user of Redis",
} as const;

/** One user with two passwords, on AWS and elsewhere: no user of ours is made there. */
export function remoteRedis(ask: AskServer, where: keyof typeof UNKNOWN, secrets: Secrets): Checks {
  return {
    taken: async (slot) => {
      const password = await secrets.secret(slotKey("redisPassword", slot), slotName("redis-password", slot));
      return together([isTaken(await ask({ ask: "redis", password: password ?? "" }))]);
    },
    users: UNKNOWN[where],
  };
}

function isTaken(said: Answer): boolean {
  return "taken" in said && said.taken;
}

async function askApiPod(rotating: InCluster, question: Question): Promise<Answer> {
  const place = await rotating.cluster();
  const [pod] = await readyPods({ ...place, ...API });
  const inPod = { ...place, pod: pod?.name ?? "", container: API.service };
  const { output, log, code } = await askInPod(inPod, PROGRAM, `${JSON.stringify(question)}\n`);
  if (code === 0) return answerSchema.parse(JSON.parse(output));
  throw new UserError(
    `${inPod.pod} could not ask ${question.ask === "redis" ? "Redis" : "Postgres"} (exit ${code}): ${log}. ` +
      "Nothing that serves was taken away. Look at the server, and run this again; it goes on from here.",
  );
}
