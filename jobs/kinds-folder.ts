import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** A file of `jobs/kinds` and what it exports as default. */
export interface KindFile {
  /** Without its ending. */
  readonly name: string;
  readonly exported: unknown;
}

/** The folder that holds one file per kind. */
export function kindsFolder(): string {
  return join(dirname(fileURLToPath(import.meta.url)), "kinds");
}

/** Names of the kinds in a folder: its TypeScript files but tests, in order. */
export function kindNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => /^[^.]+\.ts$/.test(file))
    .map((file) => file.slice(0, -".ts".length))
    .sort();
}

/** Loads every kind of the folder. In a bundle this module is replaced by one that holds them: see kinds-bundle.ts. */
export async function loadKindFiles(folder = kindsFolder()): Promise<KindFile[]> {
  return Promise.all(
    kindNames(folder).map(async (name) => {
      const loaded: unknown = await import(pathToFileURL(join(folder, `${name}.ts`)).href);
      return {
        name,
        exported: typeof loaded === "object" && loaded !== null && "default" in loaded ? loaded.default : undefined,
      };
    }),
  );
}
