/** Places for jobs that run at once, shared by all queues of a worker. */
export interface Slots {
  /** Waits until a place may be taken or the slots are closed. The place may be gone when the waiter looks. */
  untilFree(): Promise<void>;
  /** Takes up to so many places that are free; gives how many. None while the slots are paused, and once they are closed. */
  take(wanted: number): number;
  /** Gives places back. */
  give(count: number): void;
  /** Gives no places until `resume`; those that are taken stay so. */
  pause(): void;
  resume(): void;
  /** Gives no more places; those who wait are told. */
  close(): void;
}

/** @param count places, 1 or more */
export function createSlots(count: number): Slots {
  let free = count;
  let paused = false;
  let closed = false;
  const waiting: (() => void)[] = [];
  function tell(): void {
    for (const waiter of waiting.splice(0)) waiter();
  }
  return {
    untilFree: async () => {
      if ((free === 0 || paused) && !closed) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    take: (wanted) => {
      const taken = closed || paused ? 0 : Math.min(wanted, free);
      free -= taken;
      return taken;
    },
    give: (given) => {
      if (given === 0) return;
      free += given;
      if (free > count) throw new Error(`${free} places are free of ${count}: one was given back twice`);
      tell();
    },
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      tell();
    },
    close: () => {
      closed = true;
      tell();
    },
  };
}
