import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** Every image of a stack. `bundles`: the programs in it, by file name, and the source each begins at. */
export const IMAGES = {
  postgres: { shared: ["supervise.sh"] },
  redis: { shared: ["supervise.sh"] },
  edge: {},
  api: {
    node: true,
    bundles: {
      api: "app/main.ts",
      migrate: "jobs/migrate.ts",
      prepare: "jobs/prepare.ts",
      "try-login": "jobs/try-login.ts",
      drill: "backup/rds/main.ts",
      operate: "jobs/operate.ts",
      healthcheck: "jobs/healthcheck.ts",
    },
  },
  worker: {
    node: true,
    bundles: {
      worker: "worker/main.ts",
      place: "worker/place.ts",
      marker: "worker/marker/main.ts",
      healthcheck: "jobs/healthcheck.ts",
    },
  },
  backup: {
    node: true,
    bundles: {
      backup: "backup/main.ts",
      healthcheck: "jobs/healthcheck.ts",
    },
  },
} as const satisfies Record<string, ImageSource>;

export type ImageName = keyof typeof IMAGES;

/** Where an image's content comes from, beside its folder `infra/images/<name>`. */
export interface ImageSource {
  /** Files of `infra/images` that several images have. */
  readonly shared?: readonly string[];
  /** Whether the Node binary of this repository's lock file goes in. */
  readonly node?: boolean;
  readonly bundles?: Readonly<Record<string, string>>;
}

/** Where the built contexts lie, relative to the repository. */
export const CONTEXTS = "dist/images";
const MANIFEST = "dist/images.json";

/** What `npm run bundle` wrote: for each image its context folder and the hash of all that goes into it. */
export interface ContextManifest {
  /** Hash of the sources that the contexts were made from. */
  readonly sources: string;
  readonly images: Readonly<Record<ImageName, BuildContext>>;
}

/** One image, ready to be built. */
export interface BuildContext {
  /** Folder relative to the repository, so that no state holds the path of one machine. */
  readonly context: string;
  /** 16 hex digits over every file of the context but its version and commit labels. */
  readonly hash: string;
}

/** What may change an image: these folders, and the lock file. Tests never do. */
export const SOURCES: readonly string[] = [
  "app",
  "backup",
  "configs",
  "infra/images",
  "jobs",
  "worker",
  "package-lock.json",
];

/** Hash over every source file that can end up in an image; some milliseconds. */
export function hashSources(root: string): string {
  const hash = createHash("sha256");
  for (const file of SOURCES.flatMap((source) => filesBelow(join(root, source)))) {
    if (/\.test\.tsx?$/.test(file)) continue;
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update("\0");
  }
  return hash.digest("hex");
}

/** Every file below a folder (or the file itself), in a stable order; none when it does not exist. */
export function filesBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  const entries = (() => {
    try {
      return readdirSync(path, { withFileTypes: true });
    } catch {
      return undefined;
    }
  })();
  if (!entries) return [path];
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(path, entry.name)) : [join(path, entry.name)]));
}

/** The manifest of the built contexts, or `undefined` where they are missing or older than the sources. */
export function readManifest(root: string): ContextManifest | undefined {
  const path = join(root, MANIFEST);
  if (!existsSync(path)) return undefined;
  const manifest = JSON.parse(readFileSync(path, "utf8")) as ContextManifest;
  return manifest.sources === hashSources(root) ? manifest : undefined;
}

/** Path of the manifest below a repository. */
export function manifestPath(root: string): string {
  return join(root, MANIFEST);
}
