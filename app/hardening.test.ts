import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { succeedJob } from "../jobs/attempts.ts";
import { endedJob, overSocket, portOf } from "../test/bad-input/case.ts";
import { startTestApi, SUM, type TestApi } from "../test/servers/api.ts";
import { TEST_KEYS, testAuthorization } from "../test/servers/credentials.ts";
import { until } from "../test/servers/programs.ts";
import { signRequest } from "./credentials.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    CORS_ORIGINS: "https://app.example",
    BODIES_MAX_MIB: "4",
    RATE_LIMIT_PER_SECOND: "1",
    RATE_LIMIT_BURST: "400",
  });
  await api.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => api.close());

const JOBS = "/api/v1/jobs";
const [signer] = TEST_KEYS["hmac-keys"];

async function countNonces(): Promise<number> {
  return (await api.stack.pool.query("SELECT FROM request_nonces")).rowCount ?? 0;
}

/** Opens a connection and sends the head of a request with a body that does not come. */
async function beginBody(tenant: string, length: string) {
  const { authorization } = await testAuthorization(tenant);
  const socket = connect(portOf(api), "127.0.0.1");
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk) => (text += String(chunk)));
  socket.write(
    `POST ${JOBS} HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\n${length}\r\n\r\n`,
  );
  return { socket, text: () => text };
}

it("closes the connection of a client that sent no HTTP and does not close it itself", async () => {
  const socket = connect({ port: portOf(api), host: "127.0.0.1", allowHalfOpen: true });
  socket.write("HELO\r\n\r\n");
  await new Promise((resolve) => socket.resume().once("end", resolve));
  const open = () =>
    new Promise<number>((resolve) => {
      api.app.server.getConnections((_, count) => {
        resolve(count);
      });
    });
  await until("the API has let go of it", async () => (await open()) === 0);
  socket.destroy();
});

it("lets nobody keep an error: only artifacts themselves may be kept", async () => {
  const id = await endedJob(api, true);
  const behind = await api.inject({ url: `${JOBS}/${id}/artifact`, headers: { range: "bytes=99-" } });
  expect([behind.statusCode, behind.headers["cache-control"]]).toEqual([416, undefined]);
  const gone = await api.make();
  const artifact = { key: "gone.wav", mediaType: "audio/wav", bytes: 1, sha256: "00" };
  await succeedJob(api.stack.pool, await api.claim(gone), {}, artifact);
  const missing = await api.inject(`${JOBS}/${gone}/artifact`);
  expect([missing.statusCode, missing.headers["cache-control"]]).toEqual([500, undefined]);
  const whole = await api.inject(`${JOBS}/${id}/artifact`);
  expect(whole.headers["cache-control"]).toContain("immutable");
});

it("tells of endless faults only so many, and nothing at length", async () => {
  const fields = Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`k${n}`, 1]));
  for (const body of [
    { ...SUM, ...fields },
    { kind: "sum", params: { numbers: [], ...fields } },
  ]) {
    expect((await api.post(body, "verbose")).body.length).toBeLessThan(3000);
  }
  expect((await api.inject(`${JOBS}/${"1".repeat(9000)}`)).body.length).toBeLessThan(2000);
});

it("logs the path of a whole URL without user and password, and of any target without what is behind it", async () => {
  const begin = (target: string, id: string) =>
    `GET ${target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-request-id: ${id}\r\n\r\n`;
  await overSocket(portOf(api), begin("http://user:canary@elsewhere/health/live?canary", "whole-url"));
  await overSocket(portOf(api), begin("/health/live#canary", "fragment"));
  const lines = () => api.lines.filter(({ requestId }) => requestId === "whole-url" || requestId === "fragment");
  await until("both are logged", () => lines().length === 2);
  for (const line of lines()) expect(line).toMatchObject({ path: "/health/live", status: 200 });
});

it("answers a broken preflight with a problem, and a sound one as CORS says", async () => {
  const broken = await api.app.inject({ method: "OPTIONS", url: JOBS });
  expect(broken.json()).toMatchObject({ status: 400, type: "urn:slipway:problem:invalid-request" });
  const headers = { origin: "https://app.example", "access-control-request-method": "POST" };
  const sound = await api.app.inject({ method: "OPTIONS", url: JOBS, headers });
  expect([sound.statusCode, sound.headers["access-control-allow-origin"]]).toEqual([204, "https://app.example"]);
});

it("reads no body for a key that there is none of", async () => {
  const headers = signRequest({ ...signer, id: "nobody" }, { method: "POST", path: JOBS });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const type = "content-type: application/json\r\ncontent-length: 1000000\r\nconnection: close\r\n";
  const answer = await overSocket(portOf(api), `POST ${JOBS} HTTP/1.1\r\nhost: a\r\n${type}${lines.join("")}\r\n`);
  expect(answer.statusCode).toBe(401);
});

it("takes large bodies of a tenant only as far as there is room, those of others all the same, and gives room back", async () => {
  const first = await beginBody("hog", "content-length: 1000000");
  await sleep(100);
  const second = await beginBody("hog", "content-length: 100000");
  await until("the second one is refused", () => second.text().includes("urn:slipway:problem:overloaded"));
  expect(second.text()).toContain("HTTP/1.1 503");
  expect(second.text()).toMatch(/retry-after: 1/i);
  const unmeasured = await beginBody("hog", "transfer-encoding: chunked");
  await until("one without a length is refused", () => unmeasured.text().includes("HTTP/1.1 503"));
  expect((await api.post(SUM, "hog")).statusCode).toBe(202);
  const large = { ...SUM, params: { numbers: Array(10_000).fill(1234.5678) } };
  expect((await api.post(large, "neighbour")).statusCode).toBe(202);
  for (const { socket } of [first, second, unmeasured]) socket.destroy();
  await until("there is room again", async () => (await api.post(large, "hog")).statusCode === 202);
});

it("counts a large body as several requests", async () => {
  const left = async (numbers: number) => {
    const answer = await api.post({ ...SUM, params: { numbers: Array(numbers).fill(123_456_789) } }, "large");
    return Number(/r=(\d+)/.exec(String(answer.headers["ratelimit"]))?.[1]);
  };
  const before = await left(1);
  const after = await left(10_000); // 100,000 bytes: one more for its first 65,536.
  expect(before - after).toBe(2);
});

it("writes nothing for a signed request over the limit, which is good later", async () => {
  const send = (headers: Record<string, string>) => api.app.inject({ url: JOBS, headers });
  const sign = () => signRequest(signer, { method: "GET", path: JOBS });
  let refused = sign();
  while ((await send(refused)).statusCode !== 429) refused = sign();
  const before = await countNonces();
  expect((await send(refused)).statusCode).toBe(429);
  expect(await countNonces()).toBe(before);
  await until("there is one more", async () => (await send(refused)).statusCode === 200);
  expect(await countNonces()).toBe(before + 1);
});
