import type { QueueName } from "../configs/runtime.ts";

/** Queues that each worker looks at. */
export const WORKER_QUEUES = {
  "worker-cpu": ["default", "cpu", "maintenance"],
  "worker-gpu": ["gpu"],
} as const satisfies Record<string, readonly QueueName[]>;
