/** Quantities as Kubernetes writes them. */

const BINARY: Readonly<Record<string, number>> = { Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4 };
const PARTS: Readonly<Record<string, number>> = { n: 1e-9, u: 1e-6, m: 1e-3 };

/** `250m`, `1`, `1234567n`: cores. */
export function coresOf(text: string): number {
  const unit = text.at(-1) ?? "";
  return Number(text.replace(/[a-z]$/, "")) * (PARTS[unit] ?? 1);
}

/** `512Mi`, `1Gi`, `123456`: bytes. */
export function bytesOf(text: string): number {
  const unit = text.slice(-2);
  return Number(text.replace(/[KMGT]i$/, "")) * (BINARY[unit] ?? 1);
}
