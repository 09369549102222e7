import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, Scene } from "../fault.ts";
import type { Weather } from "../proxy.ts";

const SERVERS = ["postgres", "redis"] as const;
type Server = (typeof SERVERS)[number];

/** Of single connections. */
const CONNECTION_FAULTS: readonly Fault[] = SERVERS.flatMap((server): Fault[] => [
  {
    name: `network-break-${server}`,
    what: `half of the connections to ${server} break`,
    lane: "quick",
    weight: 3,
    run: async ({ world, random }) => {
      world.proxies[server].breakSome(0.5, () => random.next());
      return true;
    },
  },
  {
    name: `network-dead-${server}`,
    what: `a third of the connections to ${server} go dead for ever, and nobody is told`,
    lane: "servers",
    weight: 1,
    run: async ({ world, random }) => {
      world.proxies[server].deadenSome(1 / 3, () => random.next());
      return true;
    },
  },
]);

/** Of everything between our programs and a server. */
const WEATHER_FAULTS: readonly Fault[] = SERVERS.flatMap((server): Fault[] => [
  {
    name: `network-cut-${server}`,
    what: `${server} cannot be reached for up to 2 s`,
    lane: "servers",
    weight: 2,
    outage: true,
    run: (scene) => weather(scene, server, "cut", scene.random.whole(100, 2000)),
  },
  {
    name: `network-half-open-${server}`,
    what: `nothing passes to ${server} and nobody is told, for 1 to 4 s (30 s in long runs); then it passes, or all break`,
    lane: "servers",
    weight: 1,
    outage: true,
    run: async (scene) => {
      const { random, long, world } = scene;
      await weather(scene, server, "half-open", long ? random.pick([3000, 10_000, 30_000]) : random.whole(1000, 4000));
      if (random.chance(0.5)) world.proxies[server].breakSome(1, () => 0);
      return true;
    },
  },
  {
    name: `network-slow-${server}`,
    what: `every answer of ${server} takes 80 ms longer, for 2 s`,
    lane: "servers",
    weight: 1,
    run: (scene) => weather(scene, server, "slow", 2000),
  },
]);

export const NETWORK_FAULTS: readonly Fault[] = [...CONNECTION_FAULTS, ...WEATHER_FAULTS];

async function weather({ world }: Scene, server: Server, kind: Weather, forMs: number): Promise<boolean> {
  const proxy = world.proxies[server];
  proxy.set(kind);
  try {
    await sleep(forMs);
  } finally {
    proxy.set("fine");
  }
  return true;
}
