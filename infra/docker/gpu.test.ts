import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { decideGpu, engineRuntimes } from "./gpu.ts";

describe("decideGpu", () => {
  it.each([
    ["auto", ["runc", "nvidia"], true],
    ["auto", ["runc"], false],
    ["auto", undefined, false],
    ["on", ["runc", "nvidia"], true],
    ["off", ["runc", "nvidia"], false],
    ["off", undefined, false],
  ] as const)("%s with %j: %s", (mode, runtimes, gpu) => {
    expect(decideGpu(mode, runtimes)).toBe(gpu);
  });

  it("refuses a stack that requires a GPU where there is none, and says what to do", () => {
    expect(() => decideGpu("on", ["runc", "io.containerd.runc.v2"])).toThrow(
      "gpu.mode is on, but the Docker engine has only the runtimes runc, io.containerd.runc.v2. Install the NVIDIA container toolkit on that host, or set `slipway:gpu: { mode: auto }`.",
    );
    expect(() => decideGpu("on", undefined)).toThrow("could not be asked for its runtimes");
  });
});

describe("engineRuntimes", () => {
  let server: Server | undefined;
  let folder = "";
  afterEach(() => {
    server?.close();
    server?.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  /** An engine on a socket of its own; its address. */
  async function engine(answer: RequestListener): Promise<string> {
    folder = mkdtempSync(join(tmpdir(), "slipway-gpu-"));
    const socket = join(folder, "docker.sock");
    const listening = createServer(answer).listen(socket);
    server = listening;
    await new Promise((resolve) => listening.once("listening", resolve));
    return `unix://${socket}`;
  }

  it("gives the names of the engine's runtimes", async () => {
    const asked: (string | undefined)[] = [];
    const host = await engine((request, response) => {
      asked.push(request.url);
      response.end(JSON.stringify({ Name: "host", Runtimes: { runc: { path: "runc" }, nvidia: {} } }));
    });
    expect(await engineRuntimes(host)).toEqual(["runc", "nvidia"]);
    expect(asked).toEqual(["/info"]);
  });

  it.each<[string, RequestListener]>([
    ["answers with something else", (_request, response) => response.end("<html>proxy</html>")],
    ["names no runtimes", (_request, response) => response.end("{}")],
    ["hangs up", (request) => request.socket.destroy()],
    [
      "breaks off in the middle of its answer",
      (_request, response) => {
        response.writeHead(200, { "content-length": 100 });
        response.write('{"Runtimes":', () => response.destroy());
      },
    ],
    [
      "stalls in the middle of its answer",
      (_request, response) => {
        response.writeHead(200, { "content-length": 100 });
        response.write('{"Runtimes":');
      },
    ],
    ["never answers", () => undefined],
  ])("knows nothing of an engine that %s", async (_what, answer) => {
    expect(await engineRuntimes(await engine(answer))).toBeUndefined();
  });

  it("knows nothing of an engine that is not there, or that is far away", async () => {
    expect(await engineRuntimes("unix:///nowhere/docker.sock")).toBeUndefined();
    expect(await engineRuntimes("ssh://me@gpu.example")).toBeUndefined();
  });
});
