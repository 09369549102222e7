// pg-boss: `batch: 1` settles every job on its own, as the others here do; more than 1 fetches and settles by the batch.
import { PgBoss } from "pg-boss";
import { serve } from "./protocol.js";

const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, max: 20, supervise: false, schedule: false });
boss.on("error", (error) => process.stderr.write(`${error.stack}\n`));
await boss.start();
const name = "peer";
await boss.createQueue(name);
const db = boss.getDb();
const data = { numbers: [1, 2] };
const sum = ({ numbers }) => numbers.reduce((total, number) => total + number, 0);

await serve({
  fill: async ({ count }) => {
    for (let left = count; left > 0; left -= 1000)
      await boss.insert(
        name,
        Array.from({ length: Math.min(left, 1000) }, () => ({ data })),
      );
  },
  work: async ({ count, concurrency, batch }) => {
    const options =
      batch > 1
        ? { batchSize: batch, burstWhenBatchFull: true, perJobResults: true, localConcurrency: 2 }
        : { batchSize: 1, localConcurrency: concurrency, burstWhenReadyExceeds: 1 };
    const handler = async (jobs) =>
      batch > 1
        ? jobs.map((job) => ({ id: job.id, status: "completed", output: { sum: sum(job.data) } }))
        : { sum: sum(jobs[0].data) };
    // Fetches without a pause go on only while the cached count of ready jobs is above 1.
    await boss.getQueueStats?.(name);
    await boss.work(name, { ...options, pollingIntervalSeconds: 0.5 }, handler);
    for (;;) {
      const { rows } = await db.executeSql("SELECT count(*)::int AS open FROM pgboss.job WHERE state < 'completed'");
      if (rows[0].open === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await boss.offWork(name);
    const { rows } = await db.executeSql(
      `SELECT extract(epoch FROM max(completed_on) - min(started_on))::float AS seconds, count(*)::int AS done FROM pgboss.job`,
    );
    if (rows[0].done !== count) throw new Error(`pg-boss did ${rows[0].done} of ${count} jobs`);
    await boss.deleteAllJobs(name);
    return { seconds: rows[0].seconds };
  },
});
