import type { ComponentResource, Input } from "@pulumi/pulumi";
import type { ObjectStore, ProgramSpec } from "../contract.ts";
import type { ContainerShape } from "./container.ts";
import { dataVolume } from "./data-service.ts";

/** Folder of the object store in every container that has it. */
const FOLDER = "/var/lib/slipway/objects";

/** Group that may read artifacts; the worker's image gives the folder to it. */
const READERS = "10010";

/** The object store of one host: a folder on a volume. */
export interface ObjectVolume extends ObjectStore {
  readonly volume: Input<string>;
}

/** Makes the volume that artifacts lie on. */
export function objectVolume(parent: ComponentResource): ObjectVolume {
  return { url: `file://${FOLDER}`, volume: dataVolume("objects", parent) };
}

/** How a program's container gets at the store. */
export function objectMounts(
  access: ProgramSpec["objects"],
  { volume }: ObjectVolume,
): Pick<ContainerShape, "volumes" | "groups"> {
  if (access === "none") return {};
  return { volumes: [{ volume, folder: FOLDER, access }], groups: access === "read" ? [READERS] : [] };
}
