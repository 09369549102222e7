import { healthSettings } from "../../configs/health-settings.ts";
import type { World } from "../../ops/health/world.ts";
import type { Sight } from "../../ops/sight/sight.ts";

/** Simulates a platform that has nothing but what is given. */
export function simulatedSight(more: Partial<Sight> = {}): Sight {
  return {
    containers: () => Promise.resolve([]),
    wanted: () => Promise.resolve({}),
    usage: () => Promise.resolve(undefined),
    run: () => Promise.resolve(undefined),
    logs: () => Promise.resolve(),
    hint: (name) => `docker logs ${name}`,
    ...more,
  };
}

const notAsked = () => Promise.reject(new Error("is not to be asked"));

/** What checks look at: a stack named prod with the thresholds that hold by default. */
export function simulatedWorld({ sight = simulatedSight(), ...more }: Partial<World>): World {
  const url = "http://127.0.0.1:9";
  return {
    ...{ stack: "prod", sight, url, publicUrl: url, engine: "espeak-ng", backups: undefined },
    ...{ settings: healthSettings(undefined), jobStore: notAsked, summary: notAsked, now: new Date() },
    ...more,
  };
}
