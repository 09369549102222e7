import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { writeWav } from "../../jobs/wav.ts";

export type Answers = Readonly<Record<string, readonly [status: number, type: string, body: string | Uint8Array]>>;

const wave = Int16Array.from({ length: 8000 }, (_, at) => (at % 2) * 9000);
const sound = writeWav({ sampleRate: 8000, channels: 1, samples: Buffer.from(wave.buffer) });

/** What a healthy stack answers, by route. */
export const ANSWERS: Answers = {
  "GET /": [200, "application/json", '{"name":"slipway","version":"1.2.3","links":{"docs":"/docs"}}'],
  "GET /api/v1/health": [200, "application/json", '{"status":"healthy"}'],
  "GET /health/live": [200, "application/json", '{"status":"live"}'],
  "GET /health/ready": [200, "application/json", '{"status":"ready"}'],
  "GET /docs": [200, "text/html; charset=utf-8", "<html>"],
  "POST /api/v1/jobs, no token": [401, "application/problem+json", "{}"],
  "POST /api/v1/jobs": [202, "application/json", '{"id":"5","state":"queued"}'],
  "GET /api/v1/jobs/5": [200, "application/json", '{"id":"5","state":"succeeded","result":{"sum":6.5}}'],
  "GET /api/v1/jobs/5/artifact": [200, "audio/wav", sound],
  "GET /api/v1/jobs/1": [404, "application/problem+json", "{}"],
  "GET /api/v1/jobs?limit=1": [200, "application/json", '{"jobs":[{}],"next":null}'],
  "GET /api/v1/jobs/5/attempts": [200, "application/json", '{"attempts":[{}]}'],
  "POST /api/v1/batches": [202, "application/json", '{"id":"7","size":1}'],
  "GET /api/v1/batches/7": [200, "application/json", '{"id":"7","size":1}'],
  "GET /api/v1/queues": [200, "application/json", '{"queues":[]}'],
  "GET /api/v1/schedules": [200, "application/json", '{"schedules":[],"next":null}'],
};

/** Simulates what clients ask of a stack, route by route. */
export interface SimulatedStack {
  readonly url: string;
  end(): Promise<void>;
}

/**
 * @param answers by route: `GET /`, and for requests that need a token and come without one `POST /api/v1/jobs, no token`
 * @param isKnown whether a token is taken
 */
export async function startAnswers(answers: Answers, isKnown: (token: string) => boolean): Promise<SimulatedStack> {
  const server = createServer(({ method = "", url = "", headers: { authorization = "" } }, response) => {
    const isOpen = !url.startsWith("/api/v1/jobs") || isKnown(authorization.replace("Bearer ", ""));
    const [status, type, body] = answers[`${method} ${url}${isOpen ? "" : ", no token"}`] ?? [
      404,
      "text/plain",
      "no such route",
    ];
    response.writeHead(status, { "content-type": type, connection: "close" }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    end: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}
