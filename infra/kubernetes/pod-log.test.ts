import { createServer, type Server } from "node:http";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { podLog, type LogQuery } from "./pod-log.ts";

/** Simulates what the API server gives of a pod's log, in clear. */
let server: Server;
let config: KubeConfig;
const asked: string[] = [];

beforeAll(async () => {
  server = createServer(({ url = "" }, answer) => {
    asked.push(url);
    if (url.includes("/gone/")) {
      answer.writeHead(404).end("{}");
      return;
    }
    answer.writeHead(200).write("one\ntw");
    if (url.includes("/whole/")) answer.end("o\n");
    if (url.includes("/breaks/")) setTimeout(() => answer.destroy(), 50);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: "here", server: `http://127.0.0.1:${address.port}/`, skipTLSVerify: true }],
    users: [{ name: "me" }],
    contexts: [{ name: "here", cluster: "here", user: "me" }],
    currentContext: "here",
  });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function lines(pod: string, query: LogQuery, signal?: AbortSignal): Promise<string[]> {
  const taken: string[] = [];
  for await (const line of podLog({ config, namespace: "space", pod, container: "api" }, query, signal))
    taken.push(line);
  return taken;
}

describe("the log of a pod", () => {
  it("is given line by line, as it was asked for", async () => {
    expect(await lines("whole", { follow: false, sinceSeconds: 60 })).toEqual(["one", "two"]);
    expect(asked.at(-1)).toBe("/api/v1/namespaces/space/pods/whole/log?container=api&follow=false&sinceSeconds=60");
  });

  it("is an error where there is none, and where it breaks off", async () => {
    await expect(lines("gone", { follow: true })).rejects.toThrow("gone: the log was answered with 404");
    await expect(lines("breaks", { follow: true })).rejects.toThrow("aborted");
  });

  it("ends without one where it is ended", async () => {
    const isOver = new AbortController();
    setTimeout(() => {
      isOver.abort();
    }, 100);
    expect(await lines("goes-on", { follow: true }, isOver.signal)).toEqual(["one"]);
    expect(await lines("goes-on", { follow: true }, isOver.signal)).toEqual([]);
  });
});
