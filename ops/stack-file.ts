import { z } from "zod";
import { backupSchema } from "../configs/stack-backup.ts";
import { findFolders } from "../toolchain/folders.ts";
import { readStackFile } from "../toolchain/stack-file.ts";
import { PROJECT } from "../toolchain/stack.ts";

const fileSchema = z.looseObject({ config: z.record(z.string(), z.unknown()).default({}) });

const externalSchema = z.looseObject({
  postgres: z.looseObject({ external: z.unknown() }).default({ external: undefined }),
});

const speechSchema = z.looseObject({ engine: z.string().default("espeak-ng") });

const gpuSchema = z.looseObject({ mode: z.string().default("auto") });

/** What commands ask of a stack's file. Faults of it are for the program to list. */
export class StackFile {
  readonly #config: Readonly<Record<string, unknown>>;

  constructor(stack: string) {
    this.#config = fileSchema.safeParse(readStackFile(stack, findFolders())).data?.config ?? {};
  }

  /** What stands under a key, without the project's prefix; of a secret, that there is one. */
  value(key: string): unknown {
    return this.#config[`${PROJECT}:${key}`];
  }

  /** Whether it brings a value of its own. */
  has(key: string): boolean {
    return this.value(key) !== undefined;
  }

  get speechEngine(): string {
    return speechSchema.parse(this.value("speech") ?? {}).engine;
  }

  /** Whether GPU workers are to be; configs/stack-fields.ts says what each means. */
  get gpuMode(): string {
    return gpuSchema.safeParse(this.value("gpu") ?? {}).data?.mode ?? "auto";
  }

  /** Whether an agent of the stack's own makes backups: of a Postgres that is external somebody else does. */
  get hasBackups(): boolean {
    const { data } = externalSchema.safeParse(this.value("kubernetes") ?? {});
    if (data?.postgres.external !== undefined) return false;
    return backupSchema.safeParse(this.value("backup") ?? {}).data?.enabled ?? true;
  }
}
