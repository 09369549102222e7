/** What a name of an EC2 instance type tells, and where one is to be had. */

/** Zones of the region that offer an instance type; from EC2 (`getInstanceTypeOfferings`), never from a table of ours. */
export type Offerings = ReadonlyMap<string, readonly string[]>;

/** Where nodes may stand. */
export interface Region {
  /** Zones of the network. */
  readonly zones: readonly string[];
  readonly offerings: Offerings;
}

/** Zones of the network that offer one of the types at least, in the network's order. */
export function zonesOf(types: readonly string[], { zones, offerings }: Region): string[] {
  return zones.filter((zone) => types.some((type) => offerings.get(type)?.includes(zone)));
}

/** Why no node of a type can be had, and where one could: the half of a sentence. */
export function notOffered(type: string, { zones, offerings }: Region): string {
  const elsewhere = offerings.get(type) ?? [];
  const where =
    elsewhere.length === 0 ? "nor does any other of the region" : `${elsewhere.join(", ")} of the region do`;
  return `no zone of the network (${zones.join(", ")}) offers ${type}; ${where}`;
}

/** What a type's name tells. */
export interface InstanceName {
  /** Types that share it have as many CPUs and as much memory: `m.large` of m6i.large and m7a.large. */
  readonly likeness: string;
  /** `arm64`: AWS's own processors. */
  readonly architecture: "amd64" | "arm64";
}

/** CPUs of a type by the size in its name: 2 of `large`, and 4 of each `xlarge`; nothing where the name says another size. */
export function vcpusOf(type: string): number | undefined {
  const [, count, size] = /\.(\d*)(x?large)$/.exec(type) ?? [];
  if (size === "large") return count === "" ? 2 : undefined;
  return size === undefined ? undefined : 4 * Number(count === "" ? 1 : count);
}

export function readInstanceType(type: string): InstanceName {
  const [, family = type, attributes = "", size = ""] = /^([a-z]+)\d+([a-z-]*)\.(.+)$/.exec(type) ?? [];
  return {
    likeness: `${family}.${size}`,
    architecture: attributes.startsWith("g") || family === "a" ? "arm64" : "amd64",
  };
}
