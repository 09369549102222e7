import { setImmediate as nextTurn } from "node:timers/promises";
import { isDataError } from "./database.ts";

/** More is waiting than may wait: nothing of this item was done. */
export class Overloaded extends Error {
  override readonly name = "Overloaded";
}

export interface CoalescerOptions<In, Out> {
  /** What is done, as it stands in messages. */
  readonly what: string;
  /** Does the work of many items at once; gives as many answers, in their order. */
  readonly work: (items: readonly In[]) => Promise<readonly Out[]>;
  /** Items in one call, 1 or more. */
  readonly maxItems: number;
  /** Items that may wait or be worked on; the next is refused. @default no limit */
  readonly maxWaiting?: number;
  /** Calls under way at once. @default 1 */
  readonly inFlight?: number;
  /** Size of an item, in bytes. @default 0 */
  readonly weigh?: (item: In) => number;
  /** Bytes that may wait or be worked on; what goes beyond is refused. @default no limit */
  readonly maxWaitingBytes?: number;
  /** Bytes in one call; a single item may have more. @default 4 MiB */
  readonly maxBytes?: number;
}

/** Many callers, one call: what comes while a call is under way goes together into the next one. */
export interface Coalescer<In, Out> {
  /**
   * @throws Overloaded when too much waits, or it is closed
   * @throws what the work threw: for this item alone where the fault is in the data of one item
   */
  add(item: In): Promise<Out>;
  /** Items that wait or are worked on. */
  waiting(): number;
  /** Takes nothing more and ends when everything that was taken is answered. */
  close(): Promise<void>;
}

interface Entry<In, Out> {
  readonly item: In;
  readonly bytes: number;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_BYTES = 4 * 1024 * 1024;

/** A lone item waits for nothing but the end of this turn of the event loop, in which its neighbours are gathered. */
export function createCoalescer<In, Out>(options: CoalescerOptions<In, Out>): Coalescer<In, Out> {
  const { what, inFlight = 1, weigh = () => 0 } = options;
  const queue: Entry<In, Out>[] = [];
  const lanes = new Set<Promise<void>>();
  const open = { items: 0, bytes: 0, lanes: 0 };
  let closed = false;
  async function lane(): Promise<void> {
    await nextTurn();
    while (queue.length > 0) {
      const entries = takeBatch(queue, options);
      await settle(entries, options.work);
      open.items -= entries.length;
      for (const entry of entries) open.bytes -= entry.bytes;
    }
    // In the same breath as the look at the queue: what comes after it has to find that nobody looks any more.
    open.lanes -= 1;
  }
  function start(): void {
    open.lanes += 1;
    const running = lane().finally(() => lanes.delete(running));
    lanes.add(running);
  }
  return {
    add: async (item) => {
      if (closed) throw new Overloaded(`${what}: takes nothing more, as this process stops`);
      const bytes = weigh(item);
      assertRoom(options, open, bytes);
      open.items += 1;
      open.bytes += bytes;
      return new Promise<Out>((resolve, reject) => {
        queue.push({ item, bytes, resolve, reject });
        if (open.lanes < inFlight) start();
      });
    },
    waiting: () => open.items,
    close: async () => {
      closed = true;
      while (lanes.size > 0) await Promise.all(lanes);
    },
  };
}

interface Limits {
  readonly what: string;
  readonly maxWaiting?: number;
  readonly maxWaitingBytes?: number;
}

function assertRoom(limits: Limits, open: { readonly items: number; readonly bytes: number }, bytes: number): void {
  const { what, maxWaiting = Infinity, maxWaitingBytes = Infinity } = limits;
  if (open.items >= maxWaiting) throw new Overloaded(`${what}: ${open.items} wait already, allowed: ${maxWaiting}`);
  if (open.items > 0 && open.bytes + bytes > maxWaitingBytes) {
    throw new Overloaded(`${what}: ${open.bytes} bytes wait already, allowed: ${maxWaitingBytes}`);
  }
}

function takeBatch<In, Out>(queue: Entry<In, Out>[], options: CoalescerOptions<In, Out>): Entry<In, Out>[] {
  const { maxItems, maxBytes = MAX_BYTES } = options;
  let bytes = 0;
  let count = 0;
  for (const entry of queue) {
    bytes += entry.bytes;
    if (count === maxItems || (count > 0 && bytes > maxBytes)) break;
    count += 1;
  }
  return queue.splice(0, count);
}

/** Where the data of one item spoils the call, halves are tried, so that its neighbours get through. */
async function settle<In, Out>(
  entries: readonly Entry<In, Out>[],
  work: (items: readonly In[]) => Promise<readonly Out[]>,
): Promise<void> {
  try {
    const answers = await work(entries.map((entry) => entry.item));
    if (answers.length !== entries.length) throw new Error(`${answers.length} answers to ${entries.length} items`);
    answers.forEach((answer, index) => entries[index]?.resolve(answer));
  } catch (error) {
    if (entries.length > 1 && isDataError(error)) {
      const half = Math.ceil(entries.length / 2);
      await settle(entries.slice(0, half), work);
      await settle(entries.slice(half), work);
    } else for (const entry of entries) entry.reject(error);
  }
}
