import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** A copy of the repository's files in a folder of its own, so that a test may change sources. */
export interface Checkout {
  readonly folder: string;
  /** Replaces a text that stands in a file exactly once. */
  edit(path: string, from: string, to: string): void;
  /** Writes a file. */
  write(path: string, text: string): void;
  removeFile(path: string): void;
  /** Another version of the product. */
  release(from: string, version: string): void;
  remove(): void;
}

/** Copies what git knows and does not ignore; node_modules is a link. */
export function copyCheckout(): Checkout {
  const folder = mkdtempSync(join(tmpdir(), "slipway-e2e-"));
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root });
  for (const path of listed.toString().trim().split("\n")) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(root, path), join(folder, path), { errorOnExist: false });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const edit: Checkout["edit"] = (path, from, to) => {
    const text = readFileSync(join(folder, path), "utf8");
    if (text.split(from).length !== 2) throw new Error(`${path}: "${from}" must stand there exactly once`);
    writeFileSync(join(folder, path), text.replace(from, to));
  };
  return {
    folder,
    edit,
    release: (from, version) => {
      for (const path of ["package.json", "app/version.ts"]) edit(path, `"${from}"`, `"${version}"`);
    },
    write: (path, text) => {
      writeFileSync(join(folder, path), text);
    },
    removeFile: (path) => {
      rmSync(join(folder, path));
    },
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
