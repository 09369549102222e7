import type { Socket } from "node:net";
import { PROBLEM_JSON, toProblem, type Problem } from "../jobs/problem.ts";

const REASONS: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: toProblem("too-many-headers", "the headers are larger than 16 KiB; send fewer"),
  ERR_HTTP_REQUEST_TIMEOUT: toProblem("request-timeout", "the request did not come within its time; send it faster"),
};
/** How long the client has to read the answer and to close, in milliseconds: nobody else looks after such a socket. */
const CLOSE_WITHIN_MS = 1000;
const NO_HTTP = toProblem("invalid-request", "this is no valid HTTP request");

/** For requests that are no HTTP: there is no route and no reply yet, only a socket. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = REASONS[error.code ?? ""] ?? NO_HTTP;
  const body = JSON.stringify(problem);
  setTimeout(() => socket.destroy(), CLOSE_WITHIN_MS).unref();
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\nconnection: close\r\ncontent-type: ${PROBLEM_JSON}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
