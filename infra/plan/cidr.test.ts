import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CidrError, contains, formatCidr, overlaps, parseCidr, size, split, type Cidr } from "./cidr.ts";

const blocks = fc
  .record({ address: fc.integer({ min: 0, max: 2 ** 32 - 1 }), prefix: fc.integer({ min: 0, max: 32 }) })
  .map(({ address, prefix }): Cidr => ({ base: address - (address % 2 ** (32 - prefix)), prefix }));

const has = (block: Cidr, address: number) => address >= block.base && address < block.base + size(block);

describe("parseCidr", () => {
  it("reads a block and writes it again as it was", () => {
    expect(parseCidr("10.1.128.0/17")).toEqual({ base: 10 * 2 ** 24 + 2 ** 16 + 2 ** 15, prefix: 17 });
    fc.assert(
      fc.property(blocks, (block) => {
        expect(parseCidr(formatCidr(block))).toEqual(block);
      }),
    );
  });

  it.each([
    ["10.0.0.0", "write four octets and a prefix, such as 10.0.0.0/16."],
    ["", "write four octets and a prefix, such as 10.0.0.0/16."],
    ["fd00::/8", "write four octets and a prefix, such as 10.0.0.0/16."],
    ["10.0.0.0/16 ", "write four octets and a prefix, such as 10.0.0.0/16."],
    ["10.0.0/16", "it has 3 octets, must have 4."],
    ["10.0.0.0.0/16", "it has 5 octets, must have 4."],
    ["10.0.256.0/16", 'the octet "256" must be 0..255, without leading zeros.'],
    ["10.010.0.0/16", 'the octet "010" must be 0..255, without leading zeros.'],
    ["10..0.0/16", 'the octet "" must be 0..255, without leading zeros.'],
    ["10.0.0.0/33", "the prefix /33 must be /0../32."],
    ["10.0.0.0/016", "the prefix /016 must be /0../32."],
    ["10.0.1.0/16", "bits behind the prefix are set. Write 10.0.0.0/16."],
    ["255.255.255.255/0", "bits behind the prefix are set. Write 0.0.0.0/0."],
  ])("refuses %j", (text, fault) => {
    expect(() => parseCidr(text)).toThrow(
      new CidrError(text, fault), // the whole message
    );
  });

  it("refuses every block with a bit behind its prefix, and says the one that was meant", () => {
    fc.assert(
      fc.property(blocks, fc.nat(), (block, offset) => {
        fc.pre(block.prefix < 32 && offset % size(block) !== 0);
        const inside = { base: block.base + (offset % size(block)), prefix: block.prefix };
        expect(() => parseCidr(formatCidr(inside))).toThrow(`Write ${formatCidr(block)}.`);
      }),
    );
  });
});

describe("contains and overlaps", () => {
  it("say of two blocks what their addresses say", () => {
    fc.assert(
      fc.property(blocks, blocks, (a, b) => {
        const ends = [b.base, b.base + size(b) - 1];
        expect(contains(a, b)).toBe(ends.every((address) => has(a, address)));
        // Blocks are nested or apart.
        expect(overlaps(a, b)).toBe(contains(a, b) || contains(b, a));
        expect(overlaps(b, a)).toBe(overlaps(a, b));
      }),
    );
  });

  it("hold neighbours apart", () => {
    const [low, high] = [parseCidr("10.0.0.0/17"), parseCidr("10.0.128.0/17")];
    expect(overlaps(low, high)).toBe(false);
    expect(contains(low, high)).toBe(false);
    expect(contains(parseCidr("10.0.0.0/16"), high)).toBe(true);
  });
});

describe("split", () => {
  it("divides a block into parts that are inside, apart, and all of it", () => {
    fc.assert(
      fc.property(blocks, fc.integer({ min: 0, max: 6 }), (whole, more) => {
        fc.pre(whole.prefix + more <= 32);
        const parts = Array.from({ length: 2 ** more }, (_, index) => split(whole, whole.prefix + more, index));
        expect(parts.reduce((sum, part) => sum + size(part), 0)).toBe(size(whole));
        expect(parts.every((part) => contains(whole, part))).toBe(true);
        expect(parts.every((part, n) => n === 0 || part.base === (parts[n - 1]?.base ?? -1) + size(part))).toBe(true);
      }),
    );
  });

  it.each([
    [17, 2],
    [17, -1],
    [17, 0.5],
    [15, 0],
    [33, 0],
  ])("has no part /%d at %d of a /16", (prefix, index) => {
    expect(() => split(parseCidr("10.0.0.0/16"), prefix, index)).toThrow(
      `10.0.0.0/16 has no part /${prefix} at index ${index}.`,
    );
  });
});
