import { request as requestPlain, type IncomingMessage } from "node:http";
import { request, type RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";

export interface LogPlace {
  readonly config: KubeConfig;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Parameters of the API server's `log`, as its documentation names them; those without a value are left out. */
export interface LogQuery {
  readonly follow: boolean;
  readonly sinceTime?: string;
  readonly sinceSeconds?: number | undefined;
  readonly timestamps?: boolean;
}

/**
 * Lines of a container's log. Not by the client's own `Log`: a stream of its that breaks, or is ended, ends the process
 * (@kubernetes/client-node 2.0.1).
 *
 * @param signal ends it; what comes is then no fault
 * @throws Error where the API server does not give the log, or the way there breaks: it can be asked again
 */
export async function* podLog(place: LogPlace, query: LogQuery, signal?: AbortSignal): AsyncGenerator<string, void> {
  try {
    const answer = await open(place, query, signal);
    if (answer.statusCode !== 200) {
      answer.destroy();
      throw new Error(`${place.pod}: the log was answered with ${answer.statusCode ?? "nothing"}`);
    }
    answer.setEncoding("utf8");
    let rest = "";
    for await (const part of answer) {
      const lines = `${rest}${String(part)}`.split("\n");
      // Half a line at the end of a stream that broke comes whole with the next one.
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

async function open(
  { config, namespace, pod, container }: LogPlace,
  query: LogQuery,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const server = (config.getCurrentCluster()?.server ?? "").replace(/\/$/, "");
  const url = new URL(`${server}/api/v1/namespaces/${namespace}/pods/${pod}/log`);
  for (const [name, value] of Object.entries({ container, ...query }))
    if (value !== undefined) url.searchParams.set(name, String(value));
  const options: RequestOptions = signal === undefined ? {} : { signal };
  await config.applyToHTTPSOptions(options);
  return new Promise((resolve, reject) => {
    const asked = (url.protocol === "http:" ? requestPlain : request)(url, options, resolve);
    asked.on("error", reject);
    // A node that is gone says nothing for ever.
    asked.setSocketKeepAlive(true, 10_000);
    asked.end();
  });
}
