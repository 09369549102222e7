import type Docker from "dockerode";
import type { z } from "zod";
import { UserError, wasInterrupted } from "../toolchain/command.ts";
import { connect, findEngine } from "../toolchain/engine.ts";
import type { AgentSteps } from "./agent-steps.ts";
import { readAnswer } from "./answer-of.ts";
import { execIn, type ExecOptions } from "./exec.ts";
import type { Answer } from "./reading.ts";

/** Labels by which objects of a stack are known; infra/docker/labels.ts writes them. */
export const STACK_LABEL = "slipway.stack";
export const SERVICE_LABEL = "slipway.service";

const SERVICE = "backup";

export interface Question<T> {
  /** Command and options: `["backup", "--full"]`. */
  readonly words: readonly string[];
  readonly schema: z.ZodType<T>;
  readonly shown: AgentSteps;
  /** For its standard input. @default none */
  readonly input?: string;
}

/** The backup agent of a stack on a Docker engine, asked by running its program in its container. */
export class Agent {
  readonly docker: Docker;
  readonly container: Docker.Container;
  /** Node and the agent's program, as the container itself was started. */
  readonly program: readonly [node: string, bundle: string];

  constructor(docker: Docker, container: Docker.Container, program: readonly [string, string]) {
    this.docker = docker;
    this.container = container;
    this.program = program;
  }

  /** As {@link ask} does. */
  ask<T>(question: Question<T>): Promise<Answer<T>> {
    const { container, docker, program } = this;
    return ask(question, (options) => execIn(container, docker, [...program, ...question.words], options));
  }
}

/**
 * Asks an agent for something, and shows how far it is.
 *
 * @param exec runs its program with the question's words; gives its exit code
 * @throws UserError with its message and its exit code, or saying in what state an interrupted one left things
 */
export async function ask<T>(
  { words, schema, shown, input }: Question<T>,
  exec: (options: ExecOptions) => Promise<number>,
): Promise<Answer<T>> {
  const command = words.join(" ");
  try {
    return await readAnswer({ command, schema, shown }, (to) =>
      exec({ ...to, ...(input === undefined ? {} : { input }) }),
    );
  } catch (error) {
    if (!wasInterrupted() || !(error instanceof UserError)) throw error;
    throw new UserError(
      `Interrupted. The agent was told and has given up \`${command}\`; what it had begun is no backup and is cleared away by the next one. ` +
        `What there was before is untouched.\nIt said: ${error.message}`,
      130,
    );
  }
}

/** The engine that this machine finds. */
export async function findDocker(): Promise<Docker> {
  const search = await findEngine();
  if ("found" in search) return connect(search.found.host);
  if ("denied" in search)
    throw new UserError(
      `${search.denied} is there, but this user may not use it. Run: sudo usermod -aG docker "$USER"`,
    );
  throw new UserError(
    "silent" in search
      ? `DOCKER_HOST is ${search.silent}, and nothing answers there. Start that engine, or: unset DOCKER_HOST`
      : "No Docker engine answers. Is the stack up? make up",
  );
}

/**
 * Finds the agent of a stack.
 *
 * @throws UserError where it has none that runs
 */
export async function findAgent(docker: Docker, stack: string): Promise<Agent> {
  const filters = { label: [`${STACK_LABEL}=${stack}`, `${SERVICE_LABEL}=${SERVICE}`] };
  const containers = await docker.listContainers({ all: true, filters });
  const [newest] = containers.filter(({ State }) => State === "running").sort((a, b) => b.Created - a.Created);
  const option = stack === "dev" ? "" : ` STACK=${stack}`;
  if (newest === undefined) {
    const there = containers.map(({ Names, Status }) => `${Names[0]?.slice(1) ?? "?"}: ${Status}`).join("; ");
    throw new UserError(
      there === ""
        ? `The stack ${stack} has no backup agent on this engine. Is it up, and is slipway:backup.enabled not false? make up${option}`
        : `The backup agent of ${stack} does not run (${there}). See why: docker logs; then: make up${option}`,
    );
  }
  const container = docker.getContainer(newest.Id);
  const { Config } = await container.inspect();
  const [node = "node", bundle = "/app/backup.mjs"] = Config.Cmd;
  return new Agent(docker, container, [node, bundle]);
}
