import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect, DEFAULT_HOST, findEngine, pingEngine, usualHosts } from "./engine.ts";

let folder: string;
const servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-engine-"));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(folder, { recursive: true });
});

/** A socket on which something answers pings with a status. */
async function listen(name: string, status: number): Promise<string> {
  const path = join(folder, name);
  const server = createServer((request, response) => {
    response.writeHead(request.url?.endsWith("/_ping") === true ? status : 404).end("OK");
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return `unix://${path}`;
}

test("takes the first usual address that answers", async () => {
  const none = `unix://${join(folder, "none.sock")}`;
  const broken = await listen("broken.sock", 500);
  const good = await listen("good.sock", 200);
  const other = await listen("other.sock", 200);
  expect(await findEngine({}, [none, broken, good, other])).toEqual({ found: { host: good, isDefault: false } });
});

test("DOCKER_HOST counts alone, even where another engine would answer", async () => {
  const good = await listen("good.sock", 200);
  const named = `unix://${join(folder, "named.sock")}`;
  expect(await findEngine({ DOCKER_HOST: named }, [good])).toEqual({ silent: named });
  expect(await findEngine({ DOCKER_HOST: good }, [])).toEqual({ found: { host: good, isDefault: false } });
  expect(await findEngine({ DOCKER_HOST: "" }, [good])).toEqual({ found: { host: good, isDefault: false } });
});

test("says that there is none", async () => {
  expect(await findEngine({}, [`unix://${join(folder, "none.sock")}`])).toEqual({ none: true });
});

test("a socket that answers otherwise is no engine", async () => {
  expect(await pingEngine(await listen("broken.sock", 503))).toBe("silent");
});

test("looks at the system's, the rootless and the desktop's sockets", () => {
  expect(usualHosts({ HOME: "/h", XDG_RUNTIME_DIR: "/run/user/1000" })).toEqual([
    DEFAULT_HOST,
    "unix:///run/user/1000/docker.sock",
    "unix:///h/.docker/run/docker.sock",
    "unix:///h/.docker/desktop/docker.sock",
  ]);
  expect(usualHosts({})).toEqual([DEFAULT_HOST]);
});

test("refuses an address that DOCKER_HOST does not name", () => {
  expect(() => connect("tcp://192.0.2.1:2375")).toThrow("must be named by DOCKER_HOST");
});
