/** Places for jobs that run at once, shared by all queues of a worker. */
export interface Slots {
  /** Waits for a place; gives what frees it again, or `undefined` once the slots are closed. */
  take(): Promise<(() => void) | undefined>;
  /** Gives no more places; those who wait are told. */
  close(): void;
}

/** @param count places, 1 or more */
export function createSlots(count: number): Slots {
  let free = count;
  let closed = false;
  const waiting: ((place: (() => void) | undefined) => void)[] = [];
  function place(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = waiting.shift();
      if (next) next(place());
      else free += 1;
    };
  }
  return {
    take: async () => {
      if (closed) return undefined;
      if (free === 0) return new Promise((resolve) => waiting.push(resolve));
      free -= 1;
      return place();
    },
    close: () => {
      closed = true;
      for (const tell of waiting.splice(0)) tell(undefined);
    },
  };
}
