import { QUEUES } from "../../configs/runtime.ts";
import type { App, AppDeps } from "../parts.ts";
import { credentialOf } from "../plugins/access.ts";
import { problems } from "../schemas/answers.ts";
import { noQuery, queuesView } from "../schemas/service.ts";

/** `GET /api/v1/queues`: what waits and runs, of this tenant. */
export function registerQueues(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "readQueues",
    summary: "Count the jobs of this tenant that have not ended",
    querystring: noQuery,
    response: { 200: queuesView, ...problems() },
  };
  app.get("/api/v1/queues", { schema, compress: {} }, async (request) => {
    const { tenant } = credentialOf(request);
    const backlog = await deps.backlog.read();
    const own = backlog.rows.filter((row) => row.tenant === tenant);
    const queues = QUEUES.map((name) => {
      const rows = own.filter((row) => row.queue === name);
      const count = (state: string) => rows.find((row) => row.state === state)?.jobs ?? 0;
      const oldestDueSeconds = Math.max(0, ...rows.map((row) => row.oldestDueSeconds));
      return { name, queued: count("queued"), retrying: count("retrying"), active: count("active"), oldestDueSeconds };
    });
    return { queues, countedAt: backlog.takenAt.toISOString() };
  });
}
