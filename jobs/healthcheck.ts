/**
 * Asks the process of this container whether it is ready. Exit: 0 ready; 1 not, with the reason on stdout, where the
 * container engine keeps it. Uses nothing but Node: it runs every few seconds.
 */
import { get } from "node:http";

const TIMEOUT_MS = 3000;

function fail(reason: string): void {
  process.stdout.write(`${reason}\n`);
  process.exitCode = 1;
}

const port = process.env["PORT"] ?? "8000";
const request = get(
  { host: "127.0.0.1", port, path: "/health/ready", timeout: TIMEOUT_MS, agent: false },
  (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => (body += chunk));
    response.on("end", () => {
      if (response.statusCode !== 200) fail(`${response.statusCode ?? 0} ${body}`);
    });
  },
);
request.on("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
request.on("error", (error) => {
  fail(`port ${port}: ${error.message}`);
});
