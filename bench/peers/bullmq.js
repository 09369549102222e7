// Raw BullMQ with the options that Slipway gives it: what is measured beside it is what durability costs.
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { serve, stopwatch } from "./protocol.js";

const { REDIS_PORT, REDIS_PASSWORD } = process.env;
const connect = () =>
  new Redis({ host: "127.0.0.1", port: Number(REDIS_PORT), password: REDIS_PASSWORD, maxRetriesPerRequest: null });
const prefix = "peer";
const queue = new Queue("peer", { connection: connect(), prefix });
const options = { removeOnComplete: true, removeOnFail: true };
const data = { numbers: [1, 2] };
const sum = async (job) => ({ sum: job.data.numbers.reduce((total, number) => total + number, 0) });

await serve({
  fill: async ({ count }) => {
    for (let left = count; left > 0; left -= 1000)
      await queue.addBulk(Array.from({ length: Math.min(left, 1000) }, () => ({ name: "sum", data, opts: options })));
  },
  work: async ({ count, concurrency }) => {
    const watch = stopwatch(count);
    const worker = new Worker(
      "peer",
      async (job) => {
        watch.start();
        return sum(job);
      },
      { connection: connect(), prefix, concurrency, removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } },
    );
    worker.on("completed", watch.end);
    const seconds = await watch.finished;
    await worker.close();
    return { seconds };
  },
});
