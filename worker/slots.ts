/** Places for jobs that run at once, shared by all queues of a worker. */
export interface Slots {
  /** Waits until a place is free or the slots are closed. The place may be gone when the waiter looks. */
  untilFree(): Promise<void>;
  /** Takes up to so many places that are free; gives how many. None once the slots are closed. */
  take(wanted: number): number;
  /** Gives places back. */
  give(count: number): void;
  /** Waits until every place is free. */
  untilEmpty(): Promise<void>;
  /** Gives no more places; those who wait are told. */
  close(): void;
}

/** @param count places, 1 or more */
export function createSlots(count: number): Slots {
  let free = count;
  let closed = false;
  const waiting: { readonly ready: () => boolean; readonly tell: () => void }[] = [];
  async function until(ready: () => boolean): Promise<void> {
    if (ready()) return;
    return new Promise((tell) => waiting.push({ ready, tell }));
  }
  function look(): void {
    for (const waiter of waiting.splice(0)) {
      if (waiter.ready()) waiter.tell();
      else waiting.push(waiter);
    }
  }
  return {
    untilFree: () => until(() => free > 0 || closed),
    untilEmpty: () => until(() => free === count),
    take: (wanted) => {
      const taken = closed ? 0 : Math.min(wanted, free);
      free -= taken;
      return taken;
    },
    give: (given) => {
      free += given;
      if (free > count) throw new Error(`${free} places are free of ${count}: one was given back twice`);
      look();
    },
    close: () => {
      closed = true;
      look();
    },
  };
}
