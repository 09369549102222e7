import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { download, DownloadError } from "./download.ts";

let folder: string;
const closing: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-download-"));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(folder, { recursive: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
}

test("follows redirects, writes the file and counts its bytes", async () => {
  const url = await serve((request, response) => {
    if (request.url === "/old") response.writeHead(302, { location: "/new" }).end();
    else response.end("x".repeat(100_000));
  });
  const seen: number[] = [];
  await download(`${url}/old`, join(folder, "file"), (bytes) => seen.push(bytes));
  expect(readFileSync(join(folder, "file"))).toHaveLength(100_000);
  expect(seen.at(-1)).toBe(100_000);
});

test("a file that is not there, a server that is not there and a cut answer are all the same to us", async () => {
  const missing = await serve((_, response) => {
    response.writeHead(404).end();
  });
  const cut = await serve((_, response) => {
    response.writeHead(200, { "content-length": "10" }).write("half");
    setImmediate(() => response.destroy());
  });
  for (const url of [`${missing}/a`, "http://127.0.0.1:9/a", `${cut}/a`]) {
    await expect(download(url, join(folder, "file"), () => undefined)).rejects.toThrow(DownloadError);
  }
});

test("a server that redirects for ever is given up", async () => {
  const url = await serve((_, response) => {
    response.writeHead(301, { location: "/again" }).end();
  });
  await expect(download(url, join(folder, "file"), () => undefined)).rejects.toThrow("answered 301");
});
