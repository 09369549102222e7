import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const MINUTE = 60_000;

interface Group {
  readonly name: string;
  readonly include: string[];
  /** Longest time of one test, and of one preparation, in minutes. */
  readonly minutes: readonly [test: number, hook: number];
  /** Files at the same time; else one after another. */
  readonly fileParallelism: boolean;
  /** What is made before the first file, and away after the last. @default nothing */
  readonly globalSetup?: string;
  /** Files at the same time. @default as many as there are CPUs, less one */
  readonly maxWorkers?: number;
}

const GROUPS: readonly Group[] = [
  // Beside the code, no engine: they start the database servers of this machine at most.
  {
    name: "unit",
    include: ["{app,backup,bench,configs,infra,jobs,ops,policies,stacks,toolchain,worker}/**/*.test.ts"],
    minutes: [0.5, 1],
    fileParallelism: true,
  },
  // Harm that threads of BullMQ's tracker report; they mostly wait for leases and locks to end.
  {
    name: "bullmq-threads",
    include: ["test/bullmq-threads/**/*.test.ts"],
    minutes: [1, 1],
    fileParallelism: true,
    maxWorkers: 4,
  },
  // Requests made from our own OpenAPI against the bundled API.
  { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], minutes: [10, 5], fileParallelism: false },
  // Every benchmark once, so small that it only shows that it still runs.
  { name: "bench", include: ["test/bench/**/*.test.ts"], minutes: [10, 10], fileParallelism: false },
  // Faults while jobs run, judged by an oracle.
  { name: "chaos", include: ["test/chaos/**/*.test.ts"], minutes: [15, 5], fileParallelism: false },
  // Backups of a real Postgres, restored to random moments, damaged, and killed.
  { name: "backup", include: ["test/backup/**/*.test.ts"], minutes: [15, 5], fileParallelism: false },
  // A real Kubernetes node.
  {
    name: "cluster",
    include: ["test/cluster/**/*.test.ts"],
    minutes: [10, 20],
    fileParallelism: false,
    globalSetup: "test/cluster/keep-cluster.ts",
  },
  // Real engine and real containers. Each file has a stack of its own, and half of its time waits for health and drains.
  { name: "e2e", include: ["test/e2e/**/*.test.ts"], minutes: [30, 30], fileParallelism: true, maxWorkers: 2 },
];

/** The test that ends the cluster comes when no other file needs it. */
class EndOfClusterLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLast = ({ moduleId }: TestSpecification) => moduleId.endsWith("/test/cluster/cluster.test.ts");
    const sorted = await super.sort(files);
    return [...sorted.filter((file) => !isLast(file)), ...sorted.filter(isLast)];
  }
}

/** One group after another: they share two cores, and load of one must not be a fault of the other. */
export default defineConfig({
  test: {
    sequence: { sequencer: EndOfClusterLast },
    projects: GROUPS.map(({ name, include, minutes, fileParallelism, maxWorkers, globalSetup }, index) => ({
      test: {
        name,
        include,
        testTimeout: minutes[0] * MINUTE,
        hookTimeout: minutes[1] * MINUTE,
        fileParallelism,
        ...(maxWorkers !== undefined && { maxWorkers }),
        ...(globalSetup !== undefined && { globalSetup }),
        // From 1: what has no order of its own, or one worker and the order 0, runs last.
        sequence: { groupOrder: index + 1 },
      },
    })),
  },
});
