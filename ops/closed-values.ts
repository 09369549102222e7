import { decrypt, encrypt, isEncrypted, SecretError } from "../configs/secrets.ts";
import type { ConfigValues } from "../toolchain/stack.ts";

/** A value of the stack's file in another text. */
export interface Change {
  /** Below `slipway:`, such as `kubernetes.objects.endpoint`. */
  readonly path: string;
  readonly value: string;
  readonly isSecret: boolean;
}

/** What has to become of the `ENC(...)` values of a stack's file. */
export interface Closing {
  readonly changes: readonly Change[];
  /** Paths of those that neither secret opens. */
  readonly strangers: readonly string[];
}

/** Closes with one secret what the other one opens. What is closed with it already is left alone. */
export function closedAgain(values: ConfigValues, secrets: { readonly to: string; readonly from: string }): Closing {
  const changes: Change[] = [];
  const strangers: string[] = [];
  for (const { path, value, isSecret } of closedValues(values)) {
    if (opened(value, secrets.to) !== undefined) continue;
    const plain = opened(value, secrets.from);
    if (plain === undefined) strangers.push(path);
    else changes.push({ path, value: encrypt(plain, secrets.to), isSecret });
  }
  return { changes, strangers };
}

function closedValues(values: ConfigValues): Change[] {
  return Object.entries(values).flatMap(([key, { value, secret, objectValue }]) =>
    textsIn(objectValue ?? value, key.replace(/^slipway:/, ""))
      .filter((one) => isEncrypted(one.value))
      .map((one) => ({ ...one, isSecret: secret })),
  );
}

/** Every text in a value, with its path as Pulumi takes one. */
function textsIn(value: unknown, path: string): { readonly path: string; readonly value: string }[] {
  if (typeof value === "string") return [{ path, value }];
  if (Array.isArray(value)) return value.flatMap((inner, index) => textsIn(inner, `${path}[${index}]`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => textsIn(inner, `${path}.${key}`));
}

function opened(value: string, secret: string): string | undefined {
  try {
    return decrypt(value, secret);
  } catch (error) {
    if (error instanceof SecretError) return undefined;
    throw error;
  }
}
