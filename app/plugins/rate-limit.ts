import type { Redis } from "ioredis";
import type { Logger } from "../../jobs/log.ts";

/** How many parts of a second's requests are asked of Redis at once. */
const PARTS_PER_SECOND = 20;
/** Requests that were asked for and not used are given up after this time, in milliseconds. */
const LEASE_MS = 1000;
/** After Redis failed, limits are kept by each process alone for this time, in milliseconds. */
const AWAY_MS = 1000;
/** How long a request waits for Redis, in milliseconds. */
const PATIENCE_MS = 200;
/** Tenants that are remembered at once. */
const MAX_TENANTS = 10_000;

/**
 * A token bucket by the clock of Redis. Gives what was granted, what is left, and milliseconds until there is one more.
 * KEYS: the bucket. ARGV: per second, burst, how many are wanted.
 */
const TAKE = `
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(kept[1]) or burst
local since = math.max(0, now - (tonumber(kept[2]) or now))
tokens = math.min(burst, tokens + since * rate / 1000)
local granted = math.min(wanted, math.floor(tokens))
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(burst * 1000 / rate) + 1000)
return { granted, math.floor(tokens), math.ceil(math.max(0, 1 - tokens) * 1000 / rate) }`;

export interface RateLimitOptions {
  /** Requests a second of one tenant; 0 is without limit. */
  readonly perSecond: number;
  readonly burst: number;
}

/** What became of a request: how many more there are, or milliseconds until the next one. */
export type Verdict =
  { readonly allowed: true; readonly remaining: number } | { readonly allowed: false; readonly retryInMs: number };

/** Counts requests. */
export interface RateLimiter {
  /** Takes one request of a tenant; almost always answers at once. */
  take(tenant: string): Verdict | Promise<Verdict>;
}

interface Bucket {
  readonly tenant: string;
  /** Requests that Redis granted this process. */
  leased: number;
  leasedUntil: number;
  /** What Redis had left. */
  shared: number;
  /** Until then everything is refused without asking. */
  refusedUntil: number;
  asking: Promise<void> | undefined;
  /** For the time that Redis is away. */
  own: { tokens: number; at: number };
}

/**
 * One limit over all processes at the price of a Redis command for a twentieth of a second's requests, not for each one: a
 * process asks for some requests ahead and gives them out itself. While Redis is away each process keeps the whole limit by
 * itself, so requests are still served.
 */
export function createRateLimiter(options: RateLimitOptions, redis: Redis, log: Logger): RateLimiter {
  const { perSecond, burst } = options;
  if (perSecond === 0) return { take: () => ({ allowed: true, remaining: burst }) };
  const chunk = Math.max(1, Math.min(Math.floor(burst / 4), Math.ceil(perSecond / PARTS_PER_SECOND)));
  const buckets = new Map<string, Bucket>();
  const shared = createShared(options, chunk, redis, log);
  function decide(bucket: Bucket): Verdict | undefined {
    const now = performance.now();
    if (shared.isAway(now)) return takeOwn(bucket, now, options);
    if (bucket.leased > 0 && bucket.leasedUntil > now) {
      bucket.leased -= 1;
      // Asked again before it is empty, so that nobody waits for the answer.
      if (bucket.leased === chunk >> 1) void shared.ask(bucket);
      return { allowed: true, remaining: bucket.leased + bucket.shared };
    }
    return bucket.refusedUntil > now ? { allowed: false, retryInMs: bucket.refusedUntil - now } : undefined;
  }
  async function decideAfterAsking(bucket: Bucket): Promise<Verdict> {
    for (;;) {
      await shared.ask(bucket);
      const verdict = decide(bucket);
      if (verdict) return verdict;
    }
  }
  return {
    take: (tenant) => {
      const bucket = bucketOf(buckets, tenant, burst);
      return decide(bucket) ?? decideAfterAsking(bucket);
    },
  };
}

/** The buckets in Redis. */
function createShared({ perSecond, burst }: RateLimitOptions, chunk: number, redis: Redis, log: Logger) {
  let awayUntil = Number.NEGATIVE_INFINITY;
  async function ask(bucket: Bucket): Promise<void> {
    try {
      const answer = await inTime(redis.eval(TAKE, 1, `slipway:limit:${bucket.tenant}`, perSecond, burst, chunk));
      const [granted = 0, left = 0, waitMs = 0] = numbers(answer);
      const now = performance.now();
      bucket.leased = (bucket.leasedUntil > now ? bucket.leased : 0) + granted;
      bucket.leasedUntil = now + LEASE_MS;
      bucket.shared = left;
      if (granted === 0) bucket.refusedUntil = now + waitMs;
    } catch (error) {
      const now = performance.now();
      // Once an outage, however many tenants ask.
      if (now > awayUntil + 10 * AWAY_MS)
        log.warn({ err: error }, "Redis does not count requests; each process limits by itself");
      awayUntil = now + AWAY_MS;
    } finally {
      bucket.asking = undefined;
    }
  }
  return {
    isAway: (now: number) => awayUntil > now,
    ask: (bucket: Bucket) => (bucket.asking ??= ask(bucket)),
  };
}

function bucketOf(buckets: Map<string, Bucket>, tenant: string, burst: number): Bucket {
  const found = buckets.get(tenant);
  if (found) return found;
  for (const oldest of buckets.keys()) {
    if (buckets.size < MAX_TENANTS) break;
    buckets.delete(oldest);
  }
  const own = { tokens: burst, at: performance.now() };
  const made = { tenant, leased: 0, leasedUntil: 0, shared: 0, refusedUntil: 0, asking: undefined, own };
  buckets.set(tenant, made);
  return made;
}

function takeOwn(bucket: Bucket, now: number, { perSecond, burst }: RateLimitOptions): Verdict {
  const { own } = bucket;
  own.tokens = Math.min(burst, own.tokens + ((now - own.at) * perSecond) / 1000);
  own.at = now;
  if (own.tokens < 1) return { allowed: false, retryInMs: ((1 - own.tokens) * 1000) / perSecond };
  own.tokens -= 1;
  return { allowed: true, remaining: Math.floor(own.tokens) };
}

function numbers(answer: unknown): number[] {
  return Array.isArray(answer) ? answer.map(Number) : [];
}

/** A Redis that hangs must not hold requests. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, PATIENCE_MS, new Error(`no answer within ${PATIENCE_MS} ms`));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
