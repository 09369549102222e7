import type { Fault } from "../fault.ts";
import { CRASH_FAULTS } from "./crashes.ts";
import { NETWORK_FAULTS } from "./network.ts";
import { POSTGRES_FAULTS } from "./postgres.ts";
import { PROCESS_FAULTS } from "./processes.ts";
import { REDIS_FAULTS } from "./redis.ts";

/** Every kind of fault. Another one is another row of one of these. */
export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...CRASH_FAULTS,
  ...REDIS_FAULTS,
  ...POSTGRES_FAULTS,
  ...NETWORK_FAULTS,
];
