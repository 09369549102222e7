import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

export interface Webhook {
  /** What `alertWebhook` is set to; the path is its secret. */
  readonly url: string;
  readonly posts: readonly unknown[];
  end(): Promise<void>;
}

/** @param status that it answers with @default 200 */
export async function startWebhook(status = 200): Promise<Webhook> {
  const posts: unknown[] = [];
  const server = createServer((request, response) => {
    json(request).then(
      (body) => {
        posts.push(body);
        response.writeHead(status).end();
      },
      () => response.writeHead(400).end(),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hooks/canary-of-webhook`,
    posts,
    end: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}
