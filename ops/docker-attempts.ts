import type Docker from "dockerode";
import { whileElsewhere } from "../toolchain/command.ts";
import { ignoringAbsent, statusOf } from "../toolchain/engine-answers.ts";
import { PROJECT } from "../toolchain/stack.ts";
import { findAgent, SERVICE_LABEL, STACK_LABEL } from "./agent.ts";
import { begunTwice, type Attempts, type FoundAttempt } from "./attempts.ts";
import type { Lines } from "../toolchain/lines.ts";
import { readLines } from "./exec.ts";
import type { Generations } from "./generations.ts";
import { RESTORE_LABELS, RESTORE_SERVICE, restoreContainer, type RestoreOrder } from "./restore-container.ts";
import { bringBackContainer, bringBackName } from "./bring-back-container.ts";
import { generationOf, volumeLabels, volumeName, volumesOf, type Disks } from "./volumes.ts";

/** Seconds that a restore may take to come down when it is told to. */
const STOP_SECONDS = 60;

/** Restores as a Docker engine has them: a container and a volume. */
export class DockerAttempts implements Attempts {
  readonly #docker: Docker;
  readonly #stack: string;

  constructor(docker: Docker, stack: string) {
    this.#docker = docker;
    this.#stack = stack;
  }

  async find(): Promise<FoundAttempt | undefined> {
    const filters = { label: [`${STACK_LABEL}=${this.#stack}`, `${SERVICE_LABEL}=${RESTORE_SERVICE}`] };
    const containers = await this.#docker.listContainers({ all: true, filters });
    const [newest] = containers.sort((a, b) => b.Created - a.Created);
    if (newest === undefined) return undefined;
    const { Id, Created, State, Config } = await this.#docker.getContainer(newest.Id).inspect();
    const label = (name: keyof typeof RESTORE_LABELS) => Config.Labels[RESTORE_LABELS[name]] ?? "";
    const generation = label("generation");
    const generations = await this.generations();
    return {
      ...{ id: Id, generation, typed: label("typed"), target: label("target"), since: Created },
      state: State.Status === "created" ? "made" : State.Running ? "running" : "ended",
      ...(State.Running || State.Status === "created" ? {} : { exitCode: State.ExitCode }),
      hasVolume: generations.includes(generation),
    };
  }

  async generations(): Promise<readonly string[]> {
    const there = await this.#volumes([`${SERVICE_LABEL}=postgres`]);
    return there.flatMap((name) => generationOf(this.#stack, "postgres", name) ?? []).sort();
  }

  disks(generation: string): Disks {
    return volumesOf(this.#stack, generation);
  }

  async remove(generation: string): Promise<void> {
    const there = await this.#volumes();
    const left = this.disks(generation).filter(({ name }) => there.includes(name));
    for (const { name } of left) await this.#docker.getVolume(name).remove();
  }

  async #volumes(labels: readonly string[] = []): Promise<string[]> {
    const filters = { label: [`${STACK_LABEL}=${this.#stack}`, "slipway.data=true", ...labels] };
    const { Volumes } = await this.#docker.listVolumes({ filters });
    return Volumes.map(({ Name }) => Name);
  }

  async begin(order: RestoreOrder): Promise<void> {
    const name = volumeName(order.stack, "postgres", order.generation);
    const { container } = await findAgent(this.#docker, this.#stack);
    try {
      if ((await this.generations()).includes(order.generation)) await this.#docker.getVolume(name).remove();
      await this.#docker.createVolume({ Name: name, Labels: volumeLabels(order.stack, "postgres") });
      const options = restoreContainer(await container.inspect(), order);
      await this.#docker.createContainer({ ...options, name: [PROJECT, order.stack, RESTORE_SERVICE].join("-") });
    } catch (error) {
      throw statusOf(error) === 409 ? begunTwice(order.stack) : error;
    }
  }

  async start({ id }: FoundAttempt): Promise<void> {
    await this.#docker.getContainer(id).start();
  }

  async follow({ id }: FoundAttempt, to: Lines): Promise<number> {
    return this.#read(this.#docker.getContainer(id), to);
  }

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

  async discard(attempt: FoundAttempt, { current, kept }: Generations): Promise<void> {
    await this.tidy(attempt);
    if ([current, ...kept].includes(attempt.generation) || !attempt.hasVolume) return;
    await this.#docker.getVolume(volumeName(this.#stack, "postgres", attempt.generation)).remove();
  }

  async tidy({ id }: FoundAttempt): Promise<void> {
    await this.#remove(bringBackName(this.#stack));
    await this.#remove(id);
  }

  async #remove(container: string): Promise<void> {
    await ignoringAbsent(this.#docker.getContainer(container).remove({ force: true }));
  }
}
