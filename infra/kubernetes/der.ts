/** Just so much of DER, the encoding of X.509, as certificates of ours are made of. */

const TAGS = {
  integer: 0x02,
  bits: 0x03,
  bytes: 0x04,
  identifier: 0x06,
  text: 0x0c,
  time: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;

type Tag = keyof typeof TAGS | number;

/** One element: a tag by name or number, its length, its content. */
export function der(tag: Tag, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([typeof tag === "number" ? tag : TAGS[tag], ...lengthOf(body.length)]), body]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

/** A whole number, not negative. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const significant = first === -1 ? Uint8Array.of(0) : bytes.subarray(first);
  const isNegative = (significant[0] ?? 0) >= 0x80;
  return der("integer", isNegative ? Uint8Array.of(0) : Uint8Array.of(), significant);
}

/** An object identifier such as `2.5.29.17`. */
export function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return der("identifier", Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(part: number): number[] {
  const low = part & 0x7f;
  return part < 0x80 ? [low] : [...base128(part >> 7).map((byte) => byte | 0x80), low];
}

/** A string of bits, the last `unused` of which do not count. */
export function bits(bytes: Uint8Array, unused = 0): Buffer {
  return der("bits", Uint8Array.of(unused), bytes);
}
