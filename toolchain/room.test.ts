import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkDisk, checkPort, readEdge } from "./room.ts";

test("a disk with enough room passes, a full one is named with the way out", () => {
  const free = (gib: number) => () => ({ bavail: gib * 2 ** 18, bsize: 4096 });
  checkDisk("/data", 4, free(4));
  expect(() => {
    checkDisk("/data", 4, free(1.5));
  }).toThrow("/data has 1.5 GiB free; 4 are needed.");
});

test("a port in use is refused before anything is created, a free one passes", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await expect(checkPort({ address: "127.0.0.1", port })).rejects.toThrow(
    /something else listens there.*choose another port/s,
  );
  await new Promise((resolve) => server.close(resolve));
  await checkPort({ address: "127.0.0.1", port });
});

test("an address of another machine is refused", async () => {
  await expect(checkPort({ address: "192.0.2.1", port: 8080 })).rejects.toThrow("192.0.2.1:8080: EADDRNOTAVAIL");
});

test("reads where the edge listens, with the defaults of the stack's schema", () => {
  const root = mkdtempSync(join(tmpdir(), "slipway-room-"));
  const read = (yaml: string) => {
    writeFileSync(join(root, "Pulumi.a.yaml"), yaml);
    return readEdge("a", root);
  };
  expect(read("config:\n  slipway:edge: { port: 81 }\n")).toEqual({ address: "127.0.0.1", port: 81 });
  expect(read("config:\n  slipway:platform: docker\n")).toEqual({ address: "127.0.0.1", port: 8080 });
  expect(read("config:\n  slipway:edge: { port: many }\n")).toBeUndefined();
  expect(() => readEdge("b", root)).toThrow("Pulumi.b.yaml is missing");
  rmSync(root, { recursive: true });
});
