import { join } from "node:path";
import { neededLevel, readMigrations, type Migration } from "../../jobs/migrations.ts";
import type { Folders } from "../folders.ts";
import type { Stack } from "../stack.ts";
import type { Attempt } from "./attempt.ts";
import { releaseOf } from "./deployments-log.ts";
import { readPinned } from "./pinned.ts";
import { productVersion } from "./product-version.ts";
import { short } from "./truth.ts";

/** Migrations that the code of this checkout brings. */
export function checkoutMigrations({ root }: Pick<Folders, "root">): readonly Migration[] {
  return readMigrations(join(root, "jobs/migrations"));
}

/** Writes down which version a deploy is about: this checkout's, or that of the release which the stack's file names. */
export async function whatIsDeployed(stack: Stack, folders: Folders, { log, note }: Attempt): Promise<string> {
  const { images } = readPinned(stack.name, folders);
  if (images === undefined) {
    const { version } = await productVersion(folders.root);
    note({ version, schemaNeeds: neededLevel(checkoutMigrations(folders)) });
    return `${version}, of this checkout`;
  }
  const known = releaseOf(log.read(), images);
  const version = known?.version ?? `the release of ${short(images.api)}`;
  note({ version, images, ...(known?.schemaNeeds === undefined ? {} : { schemaNeeds: known.schemaNeeds }) });
  return `${version}, as slipway:release in Pulumi.${stack.name}.yaml says; ./slipway deploy brings this checkout's`;
}
