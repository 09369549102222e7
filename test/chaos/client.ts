import { setTimeout as sleep } from "node:timers/promises";
import { testToken } from "../servers/credentials.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import { Sender } from "./sender.ts";
import { createWorkload, sumOf, type Wish } from "./workload.ts";

/** Wishes that are under way at once. */
const LANES = 24;

export interface ClientOptions {
  /** Ports of the APIs. */
  readonly ports: readonly number[];
  readonly random: Random;
  readonly ledger: Ledger;
  /** How many jobs may have been accepted by now. */
  readonly allowance: () => number;
  /** Share of jobs that take a second or so. */
  readonly longShare: number | undefined;
}

/** A client that goes on until it is stopped. */
export interface Client {
  /** Ends when every wish has its answer, or none is to be had. */
  stop(): Promise<void>;
}

/** Starts asking for jobs, many at once, over connections that are kept. */
export async function startClient({ ports, random, ledger, allowance, longShare }: ClientOptions): Promise<Client> {
  const token = await testToken("acme", { expiresInSeconds: 24 * 3600 });
  const sender = new Sender({ ports, ledger, token, connections: LANES });
  const next = createWorkload(random, longShare);
  const abort = new AbortController();
  let underWay = 0;
  async function lane(): Promise<void> {
    while (!abort.signal.aborted) {
      if (ledger.count + underWay >= allowance()) {
        await sleep(20);
        continue;
      }
      const wish = next();
      const jobs = wish.is === "job" ? 1 : wish.members.length + 1;
      underWay += jobs;
      await (wish.is === "job" ? askForJob(wish, sender, ledger) : askForBatch(wish, sender, ledger));
      underWay -= jobs;
    }
  }
  const lanes = Array.from({ length: LANES }, lane);
  return {
    stop: async () => {
      abort.abort();
      await Promise.all(lanes);
      ledger.flush();
      sender.close();
    },
  };
}

async function askForBatch(wish: Wish & { is: "batch" }, sender: Sender, ledger: Ledger): Promise<void> {
  const accepted = await sender.until2xx("/api/v1/batches", { kind: "sum", members: wish.members }, wish.key);
  const [id, aggregateId] = [field(accepted, "id"), field(accepted, "aggregateId")];
  if (id !== undefined && aggregateId !== undefined)
    ledger.acceptBatch({ id, aggregateId, sums: wish.members.map(sumOf) });
}

async function askForJob(wish: Wish & { is: "job" }, sender: Sender, ledger: Ledger): Promise<void> {
  const { params, delaySeconds, priority, key, twice, then } = wish;
  const path = "/api/v1/jobs";
  const body = { kind: "sum", params, delaySeconds, priority };
  const send = () => (key === undefined ? sender.once(path, body) : sender.until2xx(path, body, key));
  const ids = (await Promise.all(twice ? [send(), send()] : [send()])).map((answer) => field(answer, "id"));
  const [id] = ids;
  if (id === undefined) return;
  if (ids.some((other) => other !== id)) ledger.contradictions.push(`key ${key ?? ""}: ids ${ids.join(" and ")}`);
  ledger.acceptJob({ id, sum: sumOf(params), delayMs: delaySeconds * 1000, mayBeCancelled: then !== "nothing" });
  if (then === "nothing") return;
  await sender.once(`${path}/${id}/cancel`, undefined);
  if (then === "cancel-and-retry") await sender.once(`${path}/${id}/retry`, undefined);
}

function field(body: unknown, name: string): string | undefined {
  if (!(body instanceof Object)) return undefined;
  const value: unknown = Object.entries(body).find(([key]) => key === name)?.[1];
  return typeof value === "string" ? value : undefined;
}
