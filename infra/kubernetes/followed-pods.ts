import { messageOf } from "../../configs/message.ts";
import { podLog, type LogPlace } from "./pod-log.ts";

/** Which of two releases a pod is of. */
export type Side = "before" | "release";

/** Logs of pods that are followed from the moment on that they are named. */
export class FollowedPods {
  /** Why nothing is known of one of them any more. */
  readonly broken: Partial<Record<Side, string>> = {};
  readonly #place: Omit<LogPlace, "pod">;
  readonly #take: (side: Side, line: string) => void;
  readonly #pods = new Set<string>();
  readonly #isOver = new AbortController();

  constructor(place: Omit<LogPlace, "pod">, take: (side: Side, line: string) => void) {
    this.#place = place;
    this.#take = take;
  }

  /** It goes on until {@link end}; where it breaks off before, {@link broken} says so. */
  follow(pod: string, side: Side): void {
    if (this.#pods.has(pod)) return;
    this.#pods.add(pod);
    this.#read(pod, side)
      .catch(messageOf)
      .then((why) => {
        if (!this.#isOver.signal.aborted)
          this.broken[side] ??=
            `the log of ${pod} broke off (${why ?? "it has ended"}), and nothing is known of it any more`;
      })
      .catch(() => undefined);
  }

  async #read(pod: string, side: Side): Promise<void> {
    const query = { follow: true, sinceTime: new Date().toISOString() };
    for await (const line of podLog({ ...this.#place, pod }, query, this.#isOver.signal)) this.#take(side, line);
  }

  end(): void {
    this.#isOver.abort();
  }
}
