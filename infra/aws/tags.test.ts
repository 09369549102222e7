import { describe, expect, it } from "vitest";
import { tagged } from "./place.ts";
import { stackTags } from "./tags.ts";

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
