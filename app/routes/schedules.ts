import { z } from "zod";
import {
  deleteSchedule,
  listSchedules,
  pauseSchedule,
  putSchedule,
  readSchedule,
  resumeSchedule,
  type Schedule,
} from "../../jobs/schedules.ts";
import type { App, AppDeps } from "../parts.ts";
import { credentialOf } from "../plugins/access.ts";
import { RequestProblem } from "../problems.ts";
import { kindNamed, paramFaults, refuseFaults } from "../requests/checked-kind.ts";
import { bodyProblems, problems } from "../schemas/answers.ts";
import {
  putBody,
  scheduleList,
  scheduleListQuery,
  scheduleParams,
  scheduleView,
  toScheduleView,
  toTiming,
} from "../schemas/schedule.ts";
import { noBody, noQuery } from "../schemas/service.ts";

const PATH = "/api/v1/schedules";
const PAGE = 100;

/** List, read, put, delete, pause, resume. */
export function registerSchedules(app: App, deps: AppDeps): void {
  registerList(app, deps);
  registerRead(app, deps);
  registerPut(app, deps);
  registerDelete(app, deps);
  registerPause(app, deps);
  registerResume(app, deps);
}

function found(schedule: Schedule | undefined, name: string) {
  if (schedule) return toScheduleView(schedule);
  throw new RequestProblem("schedule-not-found", `there is no schedule ${name}`);
}

function fixed(name: string): RequestProblem {
  return new RequestProblem(
    "schedule-fixed",
    `the schedule ${name} comes with a kind of job; take another name, or change jobs/kinds`,
  );
}

function registerList(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "listSchedules",
    summary: "List schedules by name, 100 at a time",
    querystring: scheduleListQuery,
    response: { 200: scheduleList, ...problems() },
  };
  app.get(PATH, { schema, compress: {} }, async (request) => {
    const schedules = await listSchedules(deps.pool, credentialOf(request).tenant, PAGE, request.query.after);
    const next = schedules.length === PAGE ? (schedules.at(-1)?.name ?? null) : null;
    return { schedules: schedules.map(toScheduleView), next };
  });
}

function registerRead(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "readSchedule",
    summary: "Read a schedule",
    params: scheduleParams,
    querystring: noQuery,
    response: { 200: scheduleView, ...problems("schedule-not-found") },
  };
  app.get(`${PATH}/:name`, { schema, compress: {} }, async (request) => {
    const { name } = request.params;
    return found(await readSchedule(deps.pool, credentialOf(request).tenant, name), name);
  });
}

function registerPut(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "putSchedule",
    summary: "Make a schedule, or change the one of that name",
    description: "Its first job comes after now. One whose timing did not change keeps its next time.",
    params: scheduleParams,
    querystring: noQuery,
    body: putBody,
    response: {
      200: scheduleView,
      201: scheduleView,
      ...bodyProblems("unknown-kind", "invalid-params", "schedule-fixed"),
    },
  };
  app.put(`${PATH}/:name`, { schema }, async (request, reply) => {
    const { name } = request.params;
    const { kind: kindOf, params, queue, priority } = request.body;
    const kind = kindNamed(deps.kinds, kindOf);
    refuseFaults(paramFaults(kind, params, "params"));
    const timing = toTiming(request.body);
    if (!timing) throw new Error("the schema lets no body through that has no timing");
    const { tenant } = credentialOf(request);
    const settings = { tenant, name, kind: kindOf, queue: queue ?? kind.queue, params, priority, timing };
    const outcome = await putSchedule(deps.pool, settings);
    if (outcome.is === "taken") throw fixed(name);
    reply.code(outcome.is === "made" ? 201 : 200);
    return toScheduleView(outcome.schedule);
  });
}

function registerDelete(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "deleteSchedule",
    summary: "Remove a schedule; jobs that it made stay",
    params: scheduleParams,
    querystring: noQuery,
    response: {
      204: z.null().describe("It is gone"),
      ...problems("schedule-not-found", "schedule-fixed"),
    },
  };
  app.delete(`${PATH}/:name`, { schema }, async (request, reply) => {
    const { name } = request.params;
    const { tenant } = credentialOf(request);
    if (await deleteSchedule(deps.pool, tenant, name)) return reply.code(204).send(null);
    found(await readSchedule(deps.pool, tenant, name), name);
    throw fixed(name);
  });
}

function registerPause(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "pauseSchedule",
    summary: "Keep a schedule from making jobs",
    params: scheduleParams,
    querystring: noQuery,
    body: noBody,
    response: { 200: scheduleView, ...bodyProblems("schedule-not-found") },
  };
  app.post(`${PATH}/:name/pause`, { schema, config: { bodyOptional: true } }, async (request) => {
    const { name } = request.params;
    return found(await pauseSchedule(deps.pool, credentialOf(request).tenant, name), name);
  });
}

function registerResume(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "resumeSchedule",
    summary: "Let a schedule go on; what it missed is not made up for",
    params: scheduleParams,
    querystring: noQuery,
    body: noBody,
    response: { 200: scheduleView, ...bodyProblems("schedule-not-found") },
  };
  app.post(`${PATH}/:name/resume`, { schema, config: { bodyOptional: true } }, async (request) => {
    const { name } = request.params;
    return found(await resumeSchedule(deps.pool, credentialOf(request).tenant, name), name);
  });
}
