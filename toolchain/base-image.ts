import type Docker from "dockerode";
import { BASE_FILES, makeRootArchive } from "./debootstrap.ts";
import { UserError } from "./command.ts";
import { connect, type EngineAddress } from "./engine.ts";
import type { Folders } from "./folders.ts";
import type { Report } from "./steps.ts";

/** The image that every Dockerfile begins with. */
export const BASE_IMAGE = "slipway/base:bookworm-1";

/** Debian's own image, for where a registry answers. `SLIPWAY_DEBIAN_IMAGE` names another, such as a mirror's. */
const DEBIAN_IMAGE = "debian:bookworm-slim";

/** Seconds in which a registry must begin to answer. */
const ANSWER_SECONDS = 10;

/** How the base image came to be, for people. */
export type BaseImageOrigin = string;

/**
 * Makes the base image unless the engine has it: from a registry's Debian, else by debootstrap.
 *
 * @param tag default: {@link BASE_IMAGE}
 */
export async function ensureBaseImage(
  engine: EngineAddress,
  folders: Folders,
  report: Report,
  tag = BASE_IMAGE,
): Promise<BaseImageOrigin> {
  const docker = connect(engine.host);
  if (await hasImage(docker, tag)) return tag;
  report("asking the registry");
  const digest = await pull(docker, process.env["SLIPWAY_DEBIAN_IMAGE"] ?? DEBIAN_IMAGE, report);
  if (digest !== undefined) {
    report(`building on ${digest}`);
    await buildOn(docker, digest, tag);
    return `${tag} on ${digest}`;
  }
  const archive = await makeRootArchive(folders, report);
  report("importing");
  await importArchive(docker, archive, tag);
  return `${tag}, made by debootstrap`;
}

async function hasImage(docker: Docker, tag: string): Promise<boolean> {
  const images = await docker.listImages({ filters: { reference: [tag] } });
  return images.length > 0;
}

/** Pulls an image; its name by digest, or nothing where no registry gives it in time. */
async function pull(docker: Docker, image: string, report: Report): Promise<string | undefined> {
  const giveUp = new AbortController();
  const timer = setTimeout(() => {
    giveUp.abort();
  }, ANSWER_SECONDS * 1000);
  try {
    const stream: NodeJS.ReadableStream = await docker.pull(image, { abortSignal: giveUp.signal });
    await follow(docker, stream, (said) => {
      clearTimeout(timer);
      report(`${image}: ${said}`);
    });
    const { RepoDigests } = await docker.getImage(image).inspect();
    return RepoDigests.at(0);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

async function buildOn(docker: Docker, digest: string, tag: string): Promise<void> {
  const src = ["Dockerfile", "dpkg.conf", "apt.conf", "policy-rc.d"];
  const stream = await docker.buildImage(
    { context: BASE_FILES, src },
    { t: tag, buildargs: { DEBIAN: digest }, forcerm: true },
  );
  await follow(docker, stream, () => undefined);
}

async function importArchive(docker: Docker, archive: string, tag: string): Promise<void> {
  const [repo, name] = tag.split(":");
  const changes = [
    "LABEL slipway.project=slipway",
    'CMD ["/bin/bash"]',
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  ];
  const stream = await docker.importImage(archive, { repo, tag: name, changes });
  await follow(docker, stream, () => undefined);
}

interface Progress {
  readonly status?: string;
  readonly stream?: string;
  readonly error?: string;
}

/**
 * Reads what the engine says until it is done.
 *
 * @throws UserError with what the engine says went wrong: it answers 200 and tells of the fault in the stream
 */
async function follow(docker: Docker, stream: NodeJS.ReadableStream, said: (what: string) => void): Promise<void> {
  let last = "";
  let fault: string | undefined;
  await new Promise<void>((resolve, reject) => {
    const finished = (error: Error | null) => {
      if (error) reject(error);
      else resolve();
    };
    docker.modem.followProgress(stream, finished, ({ status, stream: line, error }: Progress) => {
      fault ??= error;
      last = (status ?? line ?? last).trim() || last;
      said(last);
    });
  });
  if (fault !== undefined)
    throw new UserError(`The engine could not make the base image: ${fault}\nIts last words before: ${last}`);
}
