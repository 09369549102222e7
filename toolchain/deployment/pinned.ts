import { z } from "zod";
import { keepReleasesSchema, releaseSchema } from "../../configs/stack-release.ts";
import type { Folders } from "../folders.ts";
import { readStackFile } from "../stack-file.ts";
import type { Stack } from "../stack.ts";
import type { ReleaseImages } from "./deployments-log.ts";

/** What a stack's file says of releases; a file with faults is left to the program, which lists them all. */
const fileSchema = z.object({
  config: z.object({ "slipway:release": releaseSchema.optional(), "slipway:keepReleases": keepReleasesSchema }),
});

export interface Pinned {
  /** The release that the file names in place of the checkout's. */
  readonly images: ReleaseImages | undefined;
  /** How many releases before the one that serves can be gone back to. */
  readonly keep: number;
}

export function readPinned(stack: string, folders: Folders): Pinned {
  const config = fileSchema.safeParse(readStackFile(stack, folders)).data?.config;
  return {
    images: config?.["slipway:release"],
    keep: config?.["slipway:keepReleases"] ?? keepReleasesSchema.parse(undefined),
  };
}

/** Writes into the stack's file which release runs; nothing is this checkout's. */
export async function pin(stack: Stack, folders: Folders, images: ReleaseImages | undefined): Promise<void> {
  const { images: before } = readPinned(stack.name, folders);
  if (before?.api === images?.api && before?.worker === images?.worker) return;
  if (images === undefined) await stack.removeConfig("release");
  else await stack.setConfig({ "release.api": images.api, "release.worker": images.worker });
}
