import { CANARY_LIMITS } from "./canary.ts";

/** A request as it was answered. */
export interface Answered {
  readonly status: number;
  /** Until the answer began; nothing where none did. */
  readonly milliseconds: number | undefined;
}

/** What one release answered. */
export class Figures {
  requests = 0;
  /** Answers 5xx, and none at all. */
  errors = 0;
  /** Answers 4xx. */
  refusals = 0;
  readonly #milliseconds: number[] = [];

  add({ status, milliseconds }: Answered): void {
    this.requests += 1;
    if (status >= 500) this.errors += 1;
    else if (status >= 400) this.refusals += 1;
    if (milliseconds !== undefined) this.#milliseconds.push(milliseconds);
  }

  /** @returns milliseconds until the answer began; 0 where nothing was answered */
  quantile(part: number): number {
    const sorted = this.#milliseconds.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
  }

  /** `512 requests, 3 errors (0.6 %), 0 refused, p50 4 ms, p95 12 ms` */
  toString(): string {
    const { requests, errors, refusals } = this;
    const [p50, p95] = [0.5, 0.95].map((part) => `p${part * 100} ${Math.round(this.quantile(part))} ms`);
    return `${requests} requests, ${errors} errors (${percent(errors, requests)}), ${refusals} refused, ${p50}, ${p95}`;
  }
}

/** Whether a release may go on. */
export type Verdict =
  | { readonly kind: "good" }
  /** Nothing can be said yet. */
  | { readonly kind: "too few"; readonly why: string }
  | { readonly kind: "bad"; readonly why: string };

/** Compares the new release with the one before, by requests of the same time. */
export function judge(release: Figures, before: Figures): Verdict {
  const { minRequests } = CANARY_LIMITS;
  const fewer = Math.min(release.requests, before.requests);
  if (fewer < minRequests)
    return {
      kind: "too few",
      why: `${release.requests} requests to the new release and ${before.requests} to the one before, at least ${minRequests} of each say something`,
    };
  const why = worseRate(release, before) ?? worseLatency(release, before);
  return why === undefined ? { kind: "good" } : { kind: "bad", why };
}

/** In what a release answers more badly; nothing where it does not, or the difference may be an accident. */
export function worseRate(release: Figures, before: Figures): string | undefined {
  const kinds = [
    { name: "failed", ...CANARY_LIMITS.errors, counts: [release.errors, before.errors] },
    { name: "were refused (4xx)", ...CANARY_LIMITS.refusals, counts: [release.refusals, before.refusals] },
  ] as const;
  const found = kinds.find(
    ({ counts: [own, other], atLeast, points }) =>
      own >= atLeast && isMore({ hits: own, of: release.requests }, { hits: other, of: before.requests }, points),
  );
  if (found === undefined) return undefined;
  const [own, other] = found.counts;
  return (
    `${own} of ${release.requests} requests to the new release ${found.name} (${percent(own, release.requests)}), ` +
    `${other} of ${before.requests} to the one before (${percent(other, before.requests)})`
  );
}

/** So many of so many. */
export interface Rate {
  readonly hits: number;
  readonly of: number;
}

/** The test of two proportions: the difference in standard errors of what both have in common. */
export function isMore(own: Rate, other: Rate, points: number): boolean {
  const difference = own.hits / own.of - other.hits / other.of;
  const pooled = (own.hits + other.hits) / (own.of + other.of);
  const standardError = Math.sqrt(pooled * (1 - pooled) * (1 / own.of + 1 / other.of));
  return difference > points / 100 && difference > CANARY_LIMITS.standardErrors * standardError;
}

function worseLatency(release: Figures, before: Figures): string | undefined {
  const found = CANARY_LIMITS.latency.find(
    ({ quantile, factor, extraMs }) => release.quantile(quantile) > factor * before.quantile(quantile) + extraMs,
  );
  if (found === undefined) return undefined;
  const [own, other] = [release, before].map((figures) => Math.round(figures.quantile(found.quantile)));
  return `p${found.quantile * 100} of the new release is ${own} ms, of the one before ${other} ms; at most ${found.factor} times that and ${found.extraMs} ms`;
}

/** `2.5 %` */
export function percent(hits: number, of: number): string {
  return `${(of === 0 ? 0 : (100 * hits) / of).toFixed(1)} %`;
}
