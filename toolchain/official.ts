import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cachedFolder, contentKey, fillCache, isCached, type Cached } from "./cache.ts";
import { runCommand } from "./command.ts";
import { download, DownloadError } from "./download.ts";
import type { Folders } from "./folders.ts";
import type { Report } from "./steps.ts";

/** Where Pulumi publishes its releases. */
const RELEASES = "https://get.pulumi.com/releases";

/** Node's names of processors in Pulumi's archives. */
const PULUMI_ARCH: Readonly<Record<string, string>> = { x64: "x64", arm64: "arm64" };
const PLUGIN_ARCH: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** An official build: its archive holds programs that go on PATH. */
export interface OfficialBuild {
  /** Name in the cache. */
  readonly name: string;
  readonly url: string;
  /** Folder in the archive that holds the programs. */
  readonly inside: string;
}

/** The official build of Pulumi, language hosts included. */
export function officialPulumi(version: string): OfficialBuild {
  const arch = PULUMI_ARCH[process.arch] ?? process.arch;
  return {
    name: "official-pulumi",
    url: `${RELEASES}/sdk/pulumi-v${version}-${process.platform}-${arch}.tar.gz`,
    inside: "pulumi",
  };
}

/** The official build of a plugin. */
export function officialPlugin(plugin: string, version: string): OfficialBuild {
  const arch = PLUGIN_ARCH[process.arch] ?? process.arch;
  const archive = `pulumi-resource-${plugin}-v${version}-${process.platform}-${arch}.tar.gz`;
  return { name: `official-${plugin}`, url: `${RELEASES}/plugins/${archive}`, inside: "." };
}

/** The folder of an official build that was fetched before, if it was. */
export function findFetched(build: OfficialBuild, folders: Folders): string | undefined {
  const cached = describe(build, folders);
  return isCached(cached) ? join(cachedFolder(cached), "bin") : undefined;
}

/** Fetches official builds, and stops asking once the server has not answered. */
export class OfficialBuilds {
  readonly #folders: Folders;
  #answers = true;

  constructor(folders: Folders) {
    this.#folders = folders;
  }

  /**
   * Fetches a build into the cache.
   *
   * @returns the folder with its programs; nothing where the server does not give it
   */
  async fetch(build: OfficialBuild, report: Report): Promise<string | undefined> {
    if (!this.#answers) return undefined;
    try {
      report("looking for the official build");
      return join(await fillCache(describe(build, this.#folders), (draft) => unpack(build, draft, report)), "bin");
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      this.#answers = false;
      return undefined;
    }
  }
}

async function unpack({ url, inside }: OfficialBuild, draft: string, report: Report): Promise<void> {
  const archive = join(draft, "archive.tar.gz");
  await download(url, archive, (bytes) => {
    report(`official build: ${(bytes / 1e6).toFixed(0)} MB`);
  });
  const bin = join(draft, "bin");
  mkdirSync(bin);
  const strip = inside === "." ? [] : ["--strip-components=1"];
  await runCommand("tar", ["-xzf", archive, "-C", bin, "--no-same-owner", ...strip]);
  rmSync(archive);
  if (readdirSync(bin).length === 0) throw new DownloadError(`${url} holds no programs.`);
}

function describe({ name, url }: OfficialBuild, { cache }: Folders): Cached {
  return { cache, name, key: contentKey([], [url]) };
}
