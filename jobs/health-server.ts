import { createServer, type ServerResponse } from "node:http";
import type { Failing } from "./health.ts";
import { reasonOf } from "./patience.ts";
import { PROBLEM_JSON, toProblem, type Problem } from "./problem.ts";

/** A server with nothing but health routes and metrics: for workers, and for an API that still starts. */
export interface HealthServer {
  close(): Promise<void>;
}

/** What `GET /metrics` answers. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

/** The body of `GET /health/ready` for what is failing. */
export function notReady(failing: readonly Failing[]): Problem {
  const reasons = failing.map(({ dependency, reason }) => `${dependency}: ${reason}`);
  return toProblem("not-ready", reasons.join("; "), { dependencies: failing });
}

/**
 * Listens; resolves when it does.
 *
 * @param readiness gives what is failing; nothing means ready
 * @param metrics without it there is no such route
 * @param warnings what somebody has to look at though the process is ready; told with the answer
 */
export async function startHealthServer(
  address: { readonly host: string; readonly port: number },
  readiness: () => Promise<readonly Failing[]>,
  metrics?: MetricsPage,
  warnings?: () => readonly Failing[],
): Promise<HealthServer> {
  const allowed = `/health/live, /health/ready${metrics ? ", /metrics" : ""}`;
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      answerProblem(
        response,
        toProblem("method-not-allowed", `${request.method ?? "?"} is not taken; allowed: GET, HEAD`),
      );
    } else if (path === "/health/live") answer(response, 200, "application/json", { status: "live" });
    else if (path === "/health/ready") void answerReady(response, readiness, warnings?.());
    else if (path === "/metrics" && metrics) void answerMetrics(response, metrics);
    else answerProblem(response, toProblem("not-found", `allowed: ${allowed}`));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, resolve);
  });
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answerReady(
  response: ServerResponse,
  readiness: () => Promise<readonly Failing[]>,
  warnings: readonly Failing[] | undefined,
): Promise<void> {
  const failing = await readiness();
  if (failing.length > 0) answerProblem(response, notReady(failing));
  else answer(response, 200, "application/json", { status: "ready", ...(warnings && { warnings }) });
}

async function answerMetrics(response: ServerResponse, { contentType, text }: MetricsPage): Promise<void> {
  try {
    send(response, 200, contentType, await text());
  } catch (error) {
    answerProblem(response, toProblem("internal", reasonOf(error)));
  }
}

function answerProblem(response: ServerResponse, problem: Problem): void {
  answer(response, problem.status, PROBLEM_JSON, problem);
}

function answer(response: ServerResponse, status: number, mediaType: string, body: unknown): void {
  send(response, status, mediaType, JSON.stringify(body));
}

function send(response: ServerResponse, status: number, mediaType: string, text: string): void {
  response.writeHead(status, { "content-type": mediaType, "content-length": Buffer.byteLength(text) });
  response.end(response.req.method === "HEAD" ? undefined : text);
}
