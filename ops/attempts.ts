import type Docker from "dockerode";
import { EXIT } from "../backup/protocol.ts";
import { UserError, whileElsewhere } from "../toolchain/command.ts";
import { POSTGRES_FOLDER } from "../infra/postgres-image.ts";
import { PROJECT } from "../toolchain/stack.ts";
import { SERVICE_LABEL, STACK_LABEL, type Agent } from "./agent.ts";
import { readLines, type Lines } from "./exec.ts";
import type { Generations } from "./generations.ts";
import { RESTORE_LABELS, RESTORE_SERVICE, restoreContainer, type RestoreOrder } from "./restore-container.ts";
import type { Attempt } from "./restore-steps.ts";
import { bringBackContainer, bringBackName } from "./bring-back-container.ts";
import { volumeLabels, volumeName } from "./volumes.ts";

/** A restore that was begun, with its container. */
export interface FoundAttempt extends Attempt {
  readonly id: string;
  readonly target: string;
  /** When its container was made. */
  readonly since: string;
}

/** Seconds that a restore may take to come down when it is told to. */
const STOP_SECONDS = 60;

/** Restores of one stack, as the engine has them. */
export class Attempts {
  readonly #docker: Docker;
  readonly #stack: string;

  constructor(docker: Docker, stack: string) {
    this.#docker = docker;
    this.#stack = stack;
  }

  /** The restore that was begun last, if there is one. */
  async find(): Promise<FoundAttempt | undefined> {
    const filters = { label: [`${STACK_LABEL}=${this.#stack}`, `${SERVICE_LABEL}=${RESTORE_SERVICE}`] };
    const containers = await this.#docker.listContainers({ all: true, filters });
    const [newest] = containers.sort((a, b) => b.Created - a.Created);
    if (newest === undefined) return undefined;
    const { Id, Created, State, Config } = await this.#docker.getContainer(newest.Id).inspect();
    const label = (name: keyof typeof RESTORE_LABELS) => Config.Labels[RESTORE_LABELS[name]] ?? "";
    const generation = label("generation");
    const volumes = await this.volumes();
    return {
      ...{ id: Id, generation, typed: label("typed"), target: label("target"), since: Created },
      state: State.Status === "created" ? "made" : State.Running ? "running" : "ended",
      ...(State.Running || State.Status === "created" ? {} : { exitCode: State.ExitCode }),
      hasVolume: volumes.includes(volumeName(this.#stack, "postgres", generation)),
    };
  }

  /** Names of the volumes of Postgres. */
  async volumes(): Promise<string[]> {
    const filters = { label: [`${STACK_LABEL}=${this.#stack}`, `${SERVICE_LABEL}=postgres`, "slipway.data=true"] };
    const { Volumes } = await this.#docker.listVolumes({ filters });
    return Volumes.map(({ Name }) => Name).sort();
  }

  /** The volume that the Postgres of the stack stands on; nothing where there is none. */
  async servingVolume(): Promise<string | undefined> {
    const filters = { label: [`${STACK_LABEL}=${this.#stack}`, `${SERVICE_LABEL}=postgres`] };
    const containers = await this.#docker.listContainers({ all: true, filters });
    const mounts = containers.flatMap(({ Mounts }) => Mounts);
    return mounts.find(({ Destination }) => Destination === POSTGRES_FOLDER)?.Name;
  }

  /** Makes the volume and the container that fills it. A volume of that name that nobody declares was left by a run killed just here. */
  async begin(agent: Pick<Agent, "container">, order: RestoreOrder): Promise<void> {
    const name = volumeName(order.stack, "postgres", order.generation);
    try {
      if ((await this.volumes()).includes(name)) await this.#docker.getVolume(name).remove();
      await this.#docker.createVolume({ Name: name, Labels: volumeLabels(order.stack, "postgres") });
      const options = restoreContainer(await agent.container.inspect(), order);
      await this.#docker.createContainer({ ...options, name: [PROJECT, order.stack, RESTORE_SERVICE].join("-") });
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
      throw new UserError(
        `Another restore of ${order.stack} was begun at this very moment. Run this again.`,
        EXIT.busy,
      );
    }
  }

  async start({ id }: FoundAttempt): Promise<void> {
    await this.#docker.getContainer(id).start();
  }

  /**
   * Reads what a restore says, from its beginning, until it has ended. Where this process is told to end, the restore is.
   *
   * @returns its exit code
   */
  async follow({ id }: FoundAttempt, to: Lines): Promise<number> {
    return this.#read(this.#docker.getContainer(id), to);
  }

  /**
   * Brings artifacts back that the restore has found missing, in a container of its own. One that an earlier run has left is ended first:
   * what it brought stays.
   *
   * @returns its exit code
   */
  async bringBack({ id }: FoundAttempt, to: Lines): Promise<number> {
    const name = bringBackName(this.#stack);
    await this.#remove(name);
    const restore = await this.#docker.getContainer(id).inspect();
    const container = await this.#docker.createContainer({ ...bringBackContainer(restore, this.#stack), name });
    try {
      await container.start();
      return await this.#read(container, to);
    } finally {
      await this.#remove(name);
    }
  }

  async #read(container: Docker.Container, to: Lines): Promise<number> {
    const stop = () => {
      container.stop({ t: STOP_SECONDS }).catch(() => undefined);
    };
    return whileElsewhere(async () => {
      const stream = await container.logs({ follow: true, stdout: true, stderr: true });
      await readLines(this.#docker, stream, to);
      const { StatusCode } = (await container.wait()) as { readonly StatusCode: number };
      return StatusCode;
    }, stop);
  }

  /** Removes a restore that never served, with its volume. */
  async discard(attempt: FoundAttempt, { current, kept }: Generations): Promise<void> {
    await this.tidy(attempt);
    if ([current, ...kept].includes(attempt.generation) || !attempt.hasVolume) return;
    await this.#docker.getVolume(volumeName(this.#stack, "postgres", attempt.generation)).remove();
  }

  /** Removes a restore's containers. */
  async tidy({ id }: FoundAttempt): Promise<void> {
    await this.#remove(bringBackName(this.#stack));
    await this.#remove(id);
  }

  async #remove(container: string): Promise<void> {
    await this.#docker
      .getContainer(container)
      .remove({ force: true })
      .catch((error: unknown) => {
        if (statusOf(error) !== 404) throw error;
      });
  }
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
}
