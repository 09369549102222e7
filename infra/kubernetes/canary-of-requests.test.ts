import { describe, expect, it } from "vitest";
import { podsOf, readRequest } from "./canary-of-requests.ts";

describe("the share of a canary in a cluster", () => {
  it.each([
    [0, 2, 0],
    [10, 2, 1],
    [10, 9, 1],
    [10, 18, 2],
    [33, 2, 1],
    [50, 2, 2],
    [50, 5, 5],
    [90, 3, 3],
  ])("of %d %% beside %d pods is %d of the new release, never more than those", (percent, before, pods) => {
    expect(podsOf(percent, before)).toBe(pods);
  });
});

describe("a line of the API's log", () => {
  const line = (more: object) =>
    JSON.stringify({
      level: "info",
      service: "api",
      msg: "request",
      route: "/api/v1/jobs",
      status: 200,
      milliseconds: 4.2,
      ...more,
    });

  it("is a request with its status and time", () => {
    expect(readRequest(line({}))).toEqual({ status: 200, milliseconds: 4.2 });
    expect(readRequest(line({ status: 503, route: undefined }))).toEqual({ status: 503, milliseconds: 4.2 });
  });

  it.each([
    ["no JSON", "Server listening"],
    ["something else", line({ msg: "a job was made" })],
    ["a stream, which lasts as long as its job", line({ route: "/api/v1/jobs/:id/events" })],
    ["no status", line({ status: undefined })],
  ])("is none where it is %s", (_what, text) => {
    expect(readRequest(text)).toBeUndefined();
  });
});
