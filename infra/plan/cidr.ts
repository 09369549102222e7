/** Blocks of IPv4 addresses, as numbers: enough to divide a network and to see whether two of them meet. */

/** A block such as 10.0.0.0/16. */
export interface Cidr {
  /** First address, 0..2^32 - 1. No bit behind the prefix is set. */
  readonly base: number;
  /** Leading bits that all of its addresses share, 0..32. */
  readonly prefix: number;
}

/** A text that is no block of IPv4 addresses. */
export class CidrError extends Error {
  constructor(text: string, fault: string) {
    super(`${JSON.stringify(text)} is no block of IPv4 addresses: ${fault}`);
    this.name = "CidrError";
  }
}

const OCTET = 256;

/**
 * @param text such as `10.0.0.0/16`
 * @throws CidrError with what is wrong with it, and what was probably meant
 */
export function parseCidr(text: string): Cidr {
  const [, address = "", length = ""] = /^([\d.]+)\/(\d+)$/.exec(text) ?? [];
  if (address === "") throw new CidrError(text, "write four octets and a prefix, such as 10.0.0.0/16.");
  const octets = address.split(".");
  if (octets.length !== 4) throw new CidrError(text, `it has ${octets.length} octets, must have 4.`);
  const bad = octets.find((octet) => !isDecimal(octet, OCTET - 1));
  if (bad !== undefined)
    throw new CidrError(text, `the octet ${JSON.stringify(bad)} must be 0..255, without leading zeros.`);
  if (!isDecimal(length, 32)) throw new CidrError(text, `the prefix /${length} must be /0../32.`);
  const first = octets.reduce((sum, octet) => sum * OCTET + Number(octet), 0);
  const prefix = Number(length);
  const base = first - (first % addressesOf(prefix));
  if (base !== first)
    throw new CidrError(text, `bits behind the prefix are set. Write ${formatCidr({ base, prefix })}.`);
  return { base, prefix };
}

/** The block as text: `10.0.0.0/16`. */
export function formatCidr({ base, prefix }: Cidr): string {
  const octets = [3, 2, 1, 0].map((place) => Math.floor(base / OCTET ** place) % OCTET);
  return `${octets.join(".")}/${prefix}`;
}

/** How many addresses a block holds. */
export function size({ prefix }: Cidr): number {
  return addressesOf(prefix);
}

/** Whether every address of `inner` is one of `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  return inner.base >= outer.base && inner.base + size(inner) <= outer.base + size(outer);
}

/** Whether an address is in both. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.base < b.base + size(b) && b.base < a.base + size(a);
}

/**
 * The `index`-th of the blocks with a longer prefix that a block falls into.
 *
 * @param prefix of the part: the block's own to 32
 * @param index  from 0
 * @throws RangeError where there is no such part
 */
export function split(whole: Cidr, prefix: number, index: number): Cidr {
  const parts = prefix <= 32 ? 2 ** (prefix - whole.prefix) : 0;
  if (!Number.isInteger(index) || !Number.isInteger(parts) || index < 0 || index >= parts)
    throw new RangeError(`${formatCidr(whole)} has no part /${prefix} at index ${index}.`);
  return { base: whole.base + index * addressesOf(prefix), prefix };
}

function addressesOf(prefix: number): number {
  return 2 ** (32 - prefix);
}

function isDecimal(text: string, most: number): boolean {
  return /^(0|[1-9]\d*)$/.test(text) && Number(text) <= most;
}
