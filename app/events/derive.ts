import { ENDED_STATES, type JobState } from "../../jobs/job.ts";
import type { JobSnapshot } from "../../jobs/reads.ts";

/** Steps within an attempt, in order; attempt 0 has only the first and the last. */
const STEPS = { made: 0, started: 1, ended: 2, finished: 3 } as const;

/** Place of an event in the life of its job; written `<attempt>.<step>`. */
export interface EventPlace {
  readonly attempt: number;
  readonly step: number;
}

/** Something that happened to a job. */
export interface JobEvent {
  /** `undefined` for progress, which is of the moment and not resumed. */
  readonly place: EventPlace | undefined;
  readonly type: "made" | "started" | "attempt-ended" | "progress" | "finished";
  readonly data: unknown;
}

export const BEGINNING: EventPlace = { attempt: -1, step: 0 };

/** Reads `<attempt>.<step>`; `undefined` when it is something else. */
export function readPlace(text: string): EventPlace | undefined {
  const found = /^(?<attempt>\d{1,9})\.(?<step>[0-3])$/.exec(text)?.groups;
  return found && { attempt: Number(found["attempt"]), step: Number(found["step"]) };
}

export function writePlace({ attempt, step }: EventPlace): string {
  return `${attempt}.${step}`;
}

export function isAfter(a: EventPlace, b: EventPlace): boolean {
  return a.attempt === b.attempt ? a.step > b.step : a.attempt > b.attempt;
}

/**
 * Everything that happened to a job behind a place, by what is kept of it anyway: no event is stored. Two who look at different
 * times see the same events under the same ids.
 */
export function eventsAfter(job: JobSnapshot, place: EventPlace): JobEvent[] {
  return allEvents(job).filter((event) => event.place === undefined || isAfter(event.place, place));
}

/** Whether there is nothing more to come. */
export function hasEnded(state: JobState): boolean {
  return ENDED_STATES.some((ended) => ended === state);
}

/** Whether somebody at this place has seen the end of a job that has ended. */
export function hasSeenEnd(job: JobSnapshot, place: EventPlace): boolean {
  return hasEnded(job.state) && !isAfter({ attempt: job.attempt, step: STEPS.finished }, place);
}

function allEvents(job: JobSnapshot): JobEvent[] {
  const { id, state, attempt, startedAt } = job;
  const events: JobEvent[] = [at(0, "made", STEPS.made, { id, createdAt: job.createdAt.toISOString() })];
  for (const one of job.attempts) {
    events.push(started(id, one.attempt, one.startedAt));
    const { outcome, error = null, finishedAt } = one;
    const data = { id, attempt: one.attempt, outcome, error, finishedAt: finishedAt?.toISOString() ?? null };
    events.push(at(one.attempt, "attempt-ended", STEPS.ended, data));
  }
  if (state === "active" && startedAt) {
    events.push(started(id, attempt, startedAt));
    const { progress, cancelRequested } = job;
    if (progress)
      events.push({ place: undefined, type: "progress", data: { id, attempt, ...progress, cancelRequested } });
  }
  if (hasEnded(state)) {
    const data = { id, state, attempt, error: job.error ?? null, finishedAt: job.finishedAt?.toISOString() ?? null };
    events.push(at(attempt, "finished", STEPS.finished, data));
  }
  return events;
}

function started(id: string, attempt: number, startedAt: Date): JobEvent {
  return at(attempt, "started", STEPS.started, { id, attempt, startedAt: startedAt.toISOString() });
}

function at(attempt: number, type: JobEvent["type"], step: number, data: unknown): JobEvent {
  return { place: { attempt, step }, type, data };
}
