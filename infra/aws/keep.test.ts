import { describe, expect, it } from "vitest";
import { keeps } from "./keep.ts";
import { tagged } from "./place.ts";
import { stackTags } from "./tags.ts";

describe("what is kept", () => {
  it("is a stack of prod, until it is to be taken away", () => {
    expect(keeps("prod", { teardown: false })).toBe(true);
    expect(keeps("prod", { teardown: true })).toBe(false);
  });

  it.each(["local", "dev", "test"] as const)("is nothing of %s", (environment) => {
    expect(keeps(environment, { teardown: false })).toBe(false);
  });
});

describe("tags", () => {
  it("say whose a resource is, and nothing of the team's own says otherwise", () => {
    const own = { team: "voices", "slipway:stack": "another" };
    const tags = stackTags({ stack: "unit", environment: "prod", own });
    expect(tagged({ stack: "unit", tags }, "cluster")).toEqual({
      ...{ team: "voices", "slipway:stack": "unit", "slipway:environment": "prod", "slipway:managed-by": "pulumi" },
      Name: "unit-cluster",
    });
  });
});
