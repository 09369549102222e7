import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { expect, it } from "vitest";
import { until } from "../../test/servers/programs.ts";
import type { Queryable } from "../../jobs/database.ts";
import type { EndedAttempt, JobSnapshot } from "../../jobs/reads.ts";
import { BEGINNING } from "./derive.ts";
import { createStreams } from "./streams.ts";
import { createWatcher } from "./watcher.ts";

const NOW = new Date();

function attemptOf(attempt: number, message: string): EndedAttempt {
  return { attempt, outcome: "failed", error: { code: "boom", message }, startedAt: NOW, finishedAt: NOW };
}

function jobOf(rest: Partial<JobSnapshot> = {}): JobSnapshot {
  const base = { id: "1", state: "queued", attempt: 0, error: undefined, progress: undefined } as const;
  const times = { createdAt: NOW, startedAt: undefined, finishedAt: undefined };
  return { ...base, ...times, cancelRequested: false, attempts: [], ...rest };
}

/** Streams over a watcher that nothing comes from. */
function streamsWith(heartbeatMs: number) {
  const asked: unknown[] = [];
  const idle: Queryable = {
    query: (statement) => {
      asked.push(statement);
      return new Promise(() => undefined);
    },
  };
  return createStreams(createWatcher(idle, pino({ level: "silent" })), { perTenant: 10, heartbeatMs });
}

function read(stream: Readable): { text: () => string; closed: () => boolean } {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk) => (text += String(chunk)));
  return { text: () => text, closed: () => stream.destroyed };
}

const request = { tenant: "acme", after: BEGINNING, expiresAt: undefined };

it("sends signs of life", async () => {
  const stream = streamsWith(20).open({ ...request, job: jobOf() });
  const seen = read(stream);
  await until("there are two", () => seen.text().split(": still here\n\n").length > 2);
  stream.destroy();
});

it("cuts a client that reads nothing, holds little for it, and gives its place back", async () => {
  const streams = streamsWith(20);
  const attempts = Array.from({ length: 1000 }, (_, n) => attemptOf(n + 1, "x".repeat(1000)));
  const stream = streams.open({ ...request, job: jobOf({ state: "retrying", attempt: 1000, attempts }) });
  const errors: unknown[] = [];
  stream.on("error", (error) => errors.push(error)).read(0);
  expect(stream.readableLength).toBeLessThan(70_000);
  await until("it is cut", () => stream.destroyed);
  await until("its place is free", () => streams.size() === 0);
  expect(String(errors)).toContain("has read nothing");
});

it("sends a life that is longer than what may wait whole and in order, to a client that reads slowly", async () => {
  const attempts = Array.from({ length: 500 }, (_, n) => attemptOf(n + 1, "x".repeat(1000)));
  const job = jobOf({ state: "dead", attempt: 500, attempts, finishedAt: NOW });
  const stream = streamsWith(10_000).open({ ...request, job });
  let text = "";
  for await (const chunk of stream) {
    text += String(chunk);
    await sleep(1);
  }
  const places = [...text.matchAll(/^id: (\d+)\.(\d)$/gm)].map(
    ([, attempt, step]) => Number(attempt) * 4 + Number(step),
  );
  expect(places).toHaveLength(1 + 2 * 500 + 1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(text.endsWith("\n\n")).toBe(true);
});

it("goes on behind any place, and shows nothing of a place that is beyond the end", async () => {
  const attempts = [attemptOf(1, "one"), attemptOf(2, "two")];
  const job = jobOf({ state: "dead", attempt: 2, attempts, finishedAt: NOW });
  const types = async (attempt: number, step: number) => {
    let text = "";
    for await (const chunk of streamsWith(10_000).open({ ...request, job, after: { attempt, step } }))
      text += String(chunk);
    return [...text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id);
  };
  expect(await types(0, 0)).toEqual(["1.1", "1.2", "2.1", "2.2", "2.3"]);
  expect(await types(1, 1)).toEqual(["1.2", "2.1", "2.2", "2.3"]);
  expect(await types(1, 3)).toEqual(["2.1", "2.2", "2.3"]);
  expect(await types(2, 2)).toEqual(["2.3"]);
  expect(await types(9, 0)).toEqual([]);
});

it("ends with its credentials, in the middle, so that the client comes back with new ones", async () => {
  const stream = streamsWith(10_000).open({ ...request, job: jobOf(), expiresAt: Date.now() + 50 });
  const seen = read(stream);
  await until("it has ended", () => seen.closed());
  expect(seen.text()).toMatch(/event: made\n.*\n\nretry: 1000\n\n$/s);
});

it("looks once for many who watch, and not at all when they have gone", async () => {
  const sizes: number[] = [];
  const db: Queryable = {
    query: async (statement) => {
      sizes.push((statement.values?.[0] as unknown[]).length);
      return { rows: [], rowCount: 0, command: "SELECT", oid: 0, fields: [] };
    },
  };
  const watcher = createWatcher(db, pino({ level: "silent" }));
  let gone = 0;
  const watches = Array.from({ length: 500 }, (_, n) =>
    watcher.watch({
      ...{ id: String(n % 100), tenant: "acme", fromAttempt: () => 0, onSnapshot: () => undefined },
      onGone: () => (gone += 1),
    }),
  );
  await until("two looks are done", () => sizes.length >= 2);
  for (const stop of watches) stop();
  // The first look begins with the first of them.
  expect(sizes.slice(1).every((size) => size === 100)).toBe(true);
  expect(gone).toBeGreaterThanOrEqual(500);
  await watcher.close();
  const looks = sizes.length;
  await sleep(400);
  expect(sizes.length).toBe(looks);
});
