import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** What the programs are made of, and what their tests need. */
const PARTS = ["app", "configs", "jobs", "test/servers", "worker", "package.json", "tsconfig.json", "vitest.config.ts"];

/** A copy of the sources that a test may add to; packages are those of this checkout. */
export interface Checkout {
  readonly root: string;
  remove(): void;
}

export function copyCheckout(): Checkout {
  const copy = mkdtempSync(join(tmpdir(), "slipway-checkout-"));
  for (const part of PARTS) cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  return {
    root: copy,
    remove: () => {
      rmSync(copy, { recursive: true, force: true });
    },
  };
}
