import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { contentKey, fillCache, isCached, cachedFolder, type Cached } from "./cache.ts";
import { runCommand, UserError } from "./command.ts";
import { installPackages, isRoot } from "./debian.ts";
import { ROOT, type Folders } from "./folders.ts";
import type { Report } from "./steps.ts";

/** Files of every base image, however it is made. */
export const BASE_FILES = join(ROOT, "toolchain/base-image");

const SUITE = "bookworm";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** What no image needs; what licences ask for stays. */
const TRIMMED = [
  "usr/share/man/*",
  "usr/share/info/*",
  "usr/share/locale/*",
  "var/lib/apt/lists/*",
  "var/cache/apt/*",
  "var/cache/debconf/*-old",
  "var/log/*",
];

/**
 * Makes a minimal Debian as an archive in the cache, or takes the one that is there.
 *
 * The mirror is debootstrap's own unless `SLIPWAY_DEBIAN_MIRROR` names another; the image asks the same one.
 *
 * @returns the archive's path
 * @throws UserError without root
 */
export async function makeRootArchive(folders: Folders, report: Report): Promise<string> {
  const mirror = process.env["SLIPWAY_DEBIAN_MIRROR"];
  const files = globSync(join(BASE_FILES, "*"));
  const cached: Cached = {
    cache: folders.cache,
    name: "base",
    key: contentKey(files, [SUITE, process.arch, mirror ?? "", ...TRIMMED]),
  };
  if (!isCached(cached)) await ready(report);
  await fillCache(cached, async (draft) => {
    const root = join(draft, "root");
    await bootstrap(root, mirror, report);
    await settle(root, report);
    await runCommand("tar", [
      "--numeric-owner",
      "--sort=name",
      "--one-file-system",
      "-C",
      root,
      "--exclude=./dev/*",
      "-cf",
      join(draft, "root.tar"),
      ".",
    ]);
    rmSync(root, { recursive: true, force: true });
  });
  return join(cachedFolder(cached), "root.tar");
}

async function ready(report: Report): Promise<void> {
  if (!isRoot()) {
    throw new UserError(
      "No registry gave Debian's image within 10 s, and only root can make one here. Run `sudo make up` once, or name a registry that " +
        "has it: SLIPWAY_DEBIAN_IMAGE=mirror.example/debian:bookworm-slim make up",
    );
  }
  if (!existsSync("/usr/sbin/debootstrap")) await installPackages(["debootstrap"], report);
}

/** Runs debootstrap in mounts of its own: killed, it leaves none behind. */
async function bootstrap(root: string, mirror: string | undefined, report: Report): Promise<void> {
  const keyring = existsSync(KEYRING) ? [`--keyring=${KEYRING}`] : [];
  const options = ["--variant=minbase", "--include=ca-certificates", ...keyring];
  const make = ["debootstrap", ...options, SUITE, root, ...(mirror === undefined ? [] : [mirror])];
  let count = 0;
  await runCommand("unshare", ["--mount", ...make], {
    env: { LC_ALL: "C.UTF-8" },
    onLine: (line) => {
      if (/^I: (Retrieving|Unpacking|Configuring) \S/.test(line))
        report(`debootstrap: ${line.slice(3, 50)} (${++count})`);
    },
  });
}

/** Debian's sources, the updates that came after the release, and nothing that images do not need. */
async function settle(root: string, report: Report): Promise<void> {
  const list = join(root, "etc/apt/sources.list");
  const mirror = mirrorOf(readFileSync(list, "utf8"));
  rmSync(list, { force: true });
  const entry = (uri: string, suites: string) =>
    `Types: deb\nURIs: ${uri}\nSuites: ${suites}\nComponents: main\nSigned-By: ${KEYRING}\n`;
  const sources = `${entry(mirror, `${SUITE} ${SUITE}-updates`)}\n${entry(`${mirror}-security`, `${SUITE}-security`)}`;
  writeFileSync(join(root, "etc/apt/sources.list.d/debian.sources"), sources);
  for (const [file, to, mode] of HABITS) {
    copyFileSync(join(BASE_FILES, file), join(root, to));
    chmodSync(join(root, to), mode);
  }
  await proxy(root);
  report("security updates");
  const upgrade = "apt-get update && apt-get upgrade --yes";
  const env = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  await runCommand("unshare", ["--mount", "chroot", root, "sh", "-c", upgrade], { env });
  trim(root);
}

/**
 * The mirror that debootstrap wrote down. Debian's layout has the security archive beside it, as `<mirror>-security`.
 *
 * @throws UserError where the list names none
 */
export function mirrorOf(sourcesList: string): string {
  const uri = /^deb (\S+) /m.exec(sourcesList)?.[1];
  if (uri === undefined) {
    throw new UserError(
      `debootstrap wrote no mirror into the base image's sources.list, but: ${sourcesList.trim() || "nothing"}. Name one: SLIPWAY_DEBIAN_MIRROR=http://mirror.example/debian make up`,
    );
  }
  return uri.replace(/\/+$/, "");
}

function trim(root: string): void {
  const trimmed = globSync(TRIMMED.map((pattern) => join(root, pattern)));
  const docs = globSync(join(root, "usr/share/doc/*/*")).filter((path) => !path.endsWith("/copyright"));
  // The machine's own name and resolver are not the image's.
  const ofMachine = ["etc/hostname", "etc/resolv.conf"].map((file) => join(root, file));
  for (const path of [...trimmed, ...docs, ...ofMachine]) rmSync(path, { recursive: true, force: true });
  mkdirSync(join(root, "var/cache/apt/archives/partial"), { recursive: true });
  mkdirSync(join(root, "var/log/apt"), { recursive: true });
}

const HABITS = [
  ["dpkg.conf", "etc/dpkg/dpkg.cfg.d/slipway", 0o644],
  ["apt.conf", "etc/apt/apt.conf.d/90slipway", 0o644],
  ["policy-rc.d", "usr/sbin/policy-rc.d", 0o755],
] as const;

/**
 * A machine that reaches Debian through a proxy builds through it too; a build cannot reach this
 * machine's loopback.
 */
async function proxy(root: string): Promise<void> {
  const said = await runCommand("apt-config", ["dump", "--format", "%v%n", "Acquire::http::Proxy"]);
  const address = said.split("\n")[0] ?? "";
  if (!/^https?:\/\//.test(address) || /\/\/(localhost|127\.)/.test(address)) return;
  writeFileSync(join(root, "etc/apt/apt.conf.d/80slipway-proxy"), `Acquire::http::Proxy "${address}";\n`);
}
