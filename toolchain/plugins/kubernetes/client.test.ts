import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Client } from "./client.ts";

const JOBS = { kind: "APIResourceList", resources: [{ name: "jobs", kind: "Job", namespaced: true }] };

let server: Server;
let client: Client;
/** Requests but for what asks for resources, with their bodies as a server gets them. */
let seen: { readonly what: string; readonly type: string | undefined; readonly body: string }[];

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      const what = `${request.method ?? ""} ${request.url ?? ""}`;
      if (what !== "GET /apis/batch/v1") seen.push({ what, type: request.headers["content-type"], body });
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(JOBS));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const kubeconfig = new KubeConfig();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  kubeconfig.loadFromClusterAndUser({ name: "here", server: url, skipTLSVerify: true }, { name: "me" });
  client = new Client(kubeconfig, "a test");
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const JOB = { apiVersion: "batch/v1", kind: "Job", namespace: "shop", name: "migrate" };

it("says with a deletion that what the object owns goes too, and which object is meant: else a Job leaves its pods", async () => {
  await client.remove(JOB, "uid-1");
  expect(seen).toEqual([
    {
      what: "DELETE /apis/batch/v1/namespaces/shop/jobs/migrate",
      type: "application/json",
      body: expect.any(String) as string,
    },
  ]);
  expect(JSON.parse(seen[0]?.body ?? "")).toEqual({
    ...{ kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Foreground" },
    preconditions: { uid: "uid-1" },
  });
});

it("applies what it is given, letters of any length included", async () => {
  await client.apply(
    JOB,
    { metadata: { name: "migrate", labels: { to: "Zürich" } } },
    { fieldManager: "us", force: true, dryRun: false },
  );
  expect(seen[0]).toMatchObject({
    what: "PATCH /apis/batch/v1/namespaces/shop/jobs/migrate?fieldManager=us&force=true",
    type: "application/apply-patch+yaml",
  });
  expect(JSON.parse(seen[0]?.body ?? "")).toMatchObject({ metadata: { labels: { to: "Zürich" } } });
});
