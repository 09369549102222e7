import { readFileSync } from "node:fs";
import { request } from "node:https";
import { filesOf } from "./certificates.ts";
import type { Layout } from "./layout.ts";

/**
 * Asks as the administrator; whether the answer is good.
 *
 * @param trust whose word for the server is good enough @default the cluster's authority
 */
export async function ask(
  layout: Layout,
  url: string,
  trust: "authority" | "own certificate" = "authority",
): Promise<boolean> {
  const { cert, key } = filesOf(layout, "admin");
  const options = {
    ...{ cert: readFileSync(cert), key: readFileSync(key), timeout: 2000 },
    // On loopback, and nothing but their health is asked of those that sign for themselves.
    ...(trust === "authority" ? { ca: readFileSync(filesOf(layout, "ca").cert) } : { rejectUnauthorized: false }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(url, options, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer")));
    asked.on("error", reject);
    asked.end();
  });
}
