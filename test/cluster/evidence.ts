import { beforeEach } from "vitest";
import type { Product } from "./product.ts";

/** Attempts that did not simply succeed, the newest first. */
const ODD_ATTEMPTS = `SELECT job_id, attempt, outcome, coalesce(error::text, ''), started_at::time(0), finished_at::time(0)
  FROM attempts WHERE outcome <> 'succeeded' ORDER BY started_at DESC LIMIT 8`;
const UNENDED_JOBS = "SELECT state, count(*), min(run_at)::time(0) FROM jobs WHERE finished_at IS NULL GROUP BY state";

/** Prints what a failed test of this file left, since its cluster is gone when somebody reads of it. */
export function keepEvidence(product: () => Product): void {
  const looks = [
    () => product().kubectl("get", "pods", "--no-headers"),
    async () => (await product().sql(ODD_ATTEMPTS)).join("\n"),
    async () => (await product().sql(UNENDED_JOBS)).join("\n"),
    () => product().kubectl("logs", "--selector=app.kubernetes.io/name=worker-cpu", "--tail=8", "--prefix"),
  ];
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async ({ task }) => {
      const seen = await Promise.all(looks.map((look) => look().catch(String)));
      process.stdout.write(`${task.name}:\n${seen.join("\n---\n")}\n`);
    });
  });
}
