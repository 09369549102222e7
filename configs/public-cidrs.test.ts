import { describe, expect, it } from "vitest";
import { publicCidrs } from "./public-cidrs.ts";

const faults = (value: unknown) =>
  (publicCidrs.safeParse(value).error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);

describe("networks that reach the cluster over the internet", () => {
  it("are some, or none on purpose", () => {
    expect(publicCidrs.parse(["93.184.216.34/32", "8.8.0.0/16"])).toEqual(["93.184.216.34/32", "8.8.0.0/16"]);
    expect(publicCidrs.parse([])).toEqual([]);
  });

  it.each([
    ["nothing", undefined, /^: must name the networks from which you deploy .* or be \[\] where/],
    ["no list", "93.184.216.34/32", /^: must be a list of networks$/],
    ["everybody", ["0.0.0.0/0"], /^0: must be \/16 or narrower/],
    ["much of everybody", ["93.0.0.0/8"], /^0: must be \/16 or narrower/],
    ["the example of the shipped file", ["203.0.113.7/32"], /^0: stands for your own address: .*checkip/],
    ["a block with an example's in it", ["198.51.0.0/16"], /^0: stands for your own address/],
    ["an address of an office", ["93.184.216.34/32", "192.168.1.0/24"], /^1: must be of the internet/],
    ["an address of a carrier's own", ["100.100.0.0/16"], /^0: must be of the internet/],
    ["an address for many", ["224.0.0.0/16"], /^0: must be of the internet/],
    ["bits that EKS would cut off", ["93.184.216.34/24"], /^0: .*bits behind the prefix are set.*93\.184\.216\.0\/24/],
    ["an address alone", ["93.184.216.34"], /^0: .* is no block of IPv4 addresses: write four octets and a prefix/],
    ["more than EKS takes", Array<string>(41).fill("93.184.216.34/32"), /^: /],
  ])("are not %s", (_what, value, message) => {
    const found = faults(value);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });
});
