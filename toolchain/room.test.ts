import { createServer } from "node:net";
import { expect, test } from "vitest";
import { checkDisk, checkPort } from "./room.ts";

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
  await expect(checkPort("prod", { address: "127.0.0.1", port })).rejects.toThrow(
    /something else listens there.*choose another port.*--stack prod$/s,
  );
  await new Promise((resolve) => server.close(resolve));
  await checkPort("prod", { address: "127.0.0.1", port });
});

test("an address of another machine is refused", async () => {
  await expect(checkPort("prod", { address: "192.0.2.1", port: 8080 })).rejects.toThrow(
    "192.0.2.1:8080: EADDRNOTAVAIL",
  );
});
