import { createServer, type ServerResponse } from "node:http";
import type { Failing } from "./health.ts";
import { PROBLEM_JSON, toProblem, type Problem } from "./problem.ts";

/** A server with nothing but the two health routes: for workers, and for an API that still starts. */
export interface HealthServer {
  close(): Promise<void>;
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
 */
export async function startHealthServer(
  address: { readonly host: string; readonly port: number },
  readiness: () => Promise<readonly Failing[]>,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      answerProblem(
        response,
        toProblem("method-not-allowed", `${request.method ?? "?"} is not taken; allowed: GET, HEAD`),
      );
    } else if (path === "/health/live") answer(response, 200, "application/json", { status: "live" });
    else if (path === "/health/ready") void answerReady(response, readiness);
    else answerProblem(response, toProblem("not-found", "allowed: /health/live, /health/ready"));
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

async function answerReady(response: ServerResponse, readiness: () => Promise<readonly Failing[]>): Promise<void> {
  const failing = await readiness();
  if (failing.length === 0) answer(response, 200, "application/json", { status: "ready" });
  else answerProblem(response, notReady(failing));
}

function answerProblem(response: ServerResponse, problem: Problem): void {
  answer(response, problem.status, PROBLEM_JSON, problem);
}

function answer(response: ServerResponse, status: number, mediaType: string, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": mediaType, "content-length": Buffer.byteLength(text) });
  response.end(response.req.method === "HEAD" ? undefined : text);
}
