import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { succeedJob } from "../jobs/attempts.ts";
import { startTestApi, SUM, type TestApi } from "../test/servers/api.ts";
import { BODY_LIMIT } from "./app.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.stack.reset();
  Object.assign(api.state, { failing: [], draining: false });
});

describe("problems", () => {
  const json = { "content-type": "application/json" };
  const big = JSON.stringify({ ...SUM, params: { numbers: [1], text: "x".repeat(BODY_LIMIT) } });
  const cases: [
    string,
    {
      method?: "GET" | "POST" | "DELETE" | "PUT" | "QUERY";
      url?: string;
      headers?: Record<string, string>;
      payload?: string;
    },
    number,
    string,
    RegExp,
  ][] = [
    ["no JSON", { payload: "{" }, 400, "malformed-body", /./],
    ["an empty body", { payload: "" }, 400, "malformed-body", /./],
    ["a list", { payload: "[]" }, 400, "invalid-request", /body/],
    ["an unknown field", { payload: JSON.stringify({ ...SUM, quue: "cpu" }) }, 400, "invalid-request", /quue/],
    [
      "a wrong queue",
      { payload: JSON.stringify({ ...SUM, queue: "fast" }) },
      400,
      "invalid-request",
      /body\.queue: .*default.*cpu/,
    ],
    ["a prototype", { payload: '{"kind":"sum","params":{},"__proto__":{"a":1}}' }, 400, "malformed-body", /./],
    [
      "an unknown query",
      { url: "/api/v1/jobs?x=1", payload: JSON.stringify(SUM) },
      400,
      "invalid-request",
      /querystring.*x/,
    ],
    [
      "an unknown kind",
      { payload: '{"kind":"song","params":{}}' },
      422,
      "unknown-kind",
      /got "song", allowed: archive, speech, sum, total/,
    ],
    [
      "wrong parameters",
      { payload: '{"kind":"sum","params":{"numbers":["1"],"y":1}}' },
      422,
      "invalid-params",
      /params\.numbers\.0: .*y/,
    ],
    [
      "a text of spaces",
      { payload: '{"kind":"speech","params":{"text":" \\n"}}' },
      422,
      "invalid-params",
      /params\.text: must hold something to say/,
    ],
    ["a NUL", { payload: '{"kind":"speech","params":{"text":"a\\u0000"}}' }, 422, "invalid-params", /U\+0000/],
    ["half a pair", { payload: '{"kind":"speech","params":{"text":"a\\ud83d"}}' }, 422, "invalid-params", /surrogate/],
    [
      "5,001 characters",
      { payload: JSON.stringify({ kind: "speech", params: { text: "x".repeat(5001) } }) },
      422,
      "invalid-params",
      /5000/,
    ],
    ["a huge body", { payload: big }, 413, "body-too-large", /./],
    ["XML", { payload: "<a/>", headers: { "content-type": "text/xml" } }, 415, "unsupported-media-type", /./],
    ["an unknown address", { method: "GET", url: "/api/v2" }, 404, "not-found", /GET \//],
    ["a job that is not there", { method: "GET", url: "/api/v1/jobs/1" }, 404, "job-not-found", /no job 1/],
    [
      "a word for an id",
      { method: "GET", url: "/api/v1/jobs/abc" },
      400,
      "invalid-request",
      /params\.id: must be the decimal digits/,
    ],
    ["an id of 65 bits", { method: "GET", url: "/api/v1/jobs/9223372036854775808" }, 400, "invalid-request", /64 bits/],
    ["an artifact of no job", { method: "GET", url: "/api/v1/jobs/1/artifact" }, 404, "job-not-found", /no job 1/],
    [
      "a wrong method",
      { method: "DELETE", url: "/api/v1/jobs", headers: {} },
      405,
      "method-not-allowed",
      /DELETE .* allowed: GET, HEAD, POST/,
    ],
    [
      "a method that Fastify has demands of its own for",
      { method: "QUERY", url: "/api/v1/jobs", headers: {} },
      405,
      "method-not-allowed",
      /QUERY is not taken here; allowed: GET, HEAD, POST/,
    ],
    ["a broken escape", { method: "GET", url: "/api/v1/jobs/%ff" }, 400, "invalid-request", /./],
  ];
  it.each(cases)("%s", async (_name, request, status, type, detail) => {
    const answer = await api.inject({
      method: "POST",
      url: "/api/v1/jobs",
      headers: request.payload === undefined ? {} : json,
      ...request,
    });
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    const body = answer.json<Record<string, string>>();
    expect(body).toMatchObject({ status, type: `urn:slipway:problem:${type}`, title: expect.any(String) as string });
    expect(answer.statusCode).toBe(status);
    expect(body["detail"]).toMatch(detail);
    expect(body["instance"]).toBe(`urn:slipway:request:${answer.headers["x-request-id"] as string}`);
    expect((await api.stack.pool.query("SELECT id FROM jobs")).rows).toEqual([]);
  });

  it("names the methods of an address that takes others", async () => {
    expect((await api.inject({ method: "PUT", url: "/api/v1/jobs/1" })).headers["allow"]).toBe("GET, HEAD");
  });

  it("answers what is no HTTP with a problem, and closes", async () => {
    await api.app.listen({ host: "127.0.0.1", port: 0 });
    const port = addressPort();
    const socket = connect(port, "127.0.0.1");
    socket.end("HELO\r\n\r\n");
    let text = "";
    for await (const chunk of socket.setEncoding("utf8")) text += chunk as string;
    expect(text).toContain("HTTP/1.1 400");
    expect(text).toContain("urn:slipway:problem:invalid-request");
  });

  it("says 503 with Retry-After while the database is away, and works again after", async () => {
    await api.stack.postgres.kill();
    const answer = await api.post(SUM);
    expect(answer.json()).toMatchObject({ status: 503, type: "urn:slipway:problem:unavailable" });
    expect(answer.headers["retry-after"]).toBe("1");
    await api.stack.postgres.start();
    expect((await api.post(SUM)).statusCode).toBe(202);
  });

  it("tells nothing of an unexpected error but its request, and logs it", async () => {
    const id = await api.make();
    await succeedJob(
      api.stack.pool,
      await api.claim(id),
      {},
      { key: "gone.wav", mediaType: "audio/wav", bytes: 1, sha256: "00" },
    );
    const answer = await api.inject({
      url: `/api/v1/jobs/${id}/artifact`,
      headers: { "x-request-id": "request-0001" },
    });
    expect(answer.json()).toMatchObject({ status: 500, instance: "urn:slipway:request:request-0001" });
    expect(answer.body).not.toContain("gone.wav");
    expect(
      api.lines.some((line) => line["requestId"] === "request-0001" && JSON.stringify(line).includes("gone.wav")),
    ).toBe(true);
  });
});

function addressPort(): number {
  const address = api.app.server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  return address.port;
}
