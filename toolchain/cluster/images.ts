import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { readFileSync } from "node:fs";
import { runCommand } from "../command.ts";
import { DEBIAN_PROGRAMS } from "./components.ts";
import type { Layout } from "./layout.ts";

/** containerd's namespace of what the kubelet runs. */
const NAMESPACE = "k8s.io";

/** Runs containerd's own client in the kubelet's namespace. */
export async function ctr(layout: Layout, ...args: readonly string[]): Promise<string> {
  return runCommand(DEBIAN_PROGRAMS.ctr.path, ["--address", layout.socket, "--namespace", NAMESPACE, ...args]);
}

/** Names of the images that pods can run. */
export async function importedImages(layout: Layout): Promise<string[]> {
  return (await ctr(layout, "images", "list", "--quiet")).split("\n").filter((name) => name !== "");
}

/**
 * Brings an archive of images, as `docker save` writes it, to where pods find them.
 *
 * @param archive path
 */
export async function importImages(layout: Layout, archive: string): Promise<void> {
  await ctr(layout, "images", "import", archive);
}

/**
 * Makes an image of one static program and nothing else, unless it is there.
 *
 * @param image   its name
 * @param program path of the program
 * @param name    of the program in the image, at its root @default as it is called here
 */
export async function ensureImage(
  layout: Layout,
  image: string,
  program: string,
  name = basename(program),
): Promise<void> {
  if ((await importedImages(layout)).includes(image)) return;
  const folder = mkdtempSync(join(tmpdir(), "slipway-image-"));
  try {
    await importImages(layout, await packImage(folder, image, program, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An archive in the form of `docker save`, written by hand: no engine is needed for one file. */
async function packImage(folder: string, image: string, program: string, name: string): Promise<string> {
  const root = join(folder, "root");
  mkdirSync(root);
  copyFileSync(program, join(root, name));
  const owner = ["--owner=0", "--group=0", "--numeric-owner"];
  await runCommand("tar", ["--create", "--file", join(folder, "layer.tar"), ...owner, "--directory", root, name]);
  const layer = createHash("sha256")
    .update(readFileSync(join(folder, "layer.tar")))
    .digest("hex");
  const config = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Entrypoint: [`/${name}`], User: "65535:65535" },
    rootfs: { type: "layers", diff_ids: [`sha256:${layer}`] },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [image], Layers: ["layer.tar"] }];
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  const archive = join(folder, "image.tar");
  const parts = ["manifest.json", "config.json", "layer.tar"];
  await runCommand("tar", ["--create", "--file", archive, "--directory", folder, ...parts]);
  return archive;
}
