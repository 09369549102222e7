import { Provider } from "@pulumi/aws/provider.js";
import { ComponentResource, runtime } from "@pulumi/pulumi";
import { afterEach, describe, expect, it } from "vitest";
import { instanceOfferings, offeringsOf } from "./offerings.ts";

afterEach(() => {
  runtime.disconnectSync();
});

describe("zones of instance types", () => {
  it("are asked of EC2, of the stack's region", async () => {
    const calls: unknown[] = [];
    await runtime.setMocks({
      newResource: ({ name, inputs }) => ({ id: `${name}-id`, state: inputs as object }),
      call: ({ token, inputs, provider }) => {
        calls.push({ token, inputs: inputs as object, provider: provider?.split("::").slice(-3).join("::") });
        return {
          instanceTypes: ["m7i.large", "g6.xlarge", "m7i.large"],
          locations: ["eu-central-1b", "eu-central-1c", "eu-central-1a"],
        };
      },
    });
    const parent = new ComponentResource("slipway:aws:Platform", "aws");
    const provider = new Provider("own", { region: "eu-central-1" }, { parent });
    const offerings = await instanceOfferings(["m7i.large", "g6.xlarge", "p5.48xlarge"], { parent, provider });
    expect(Object.fromEntries(offerings)).toEqual({
      ...{ "m7i.large": ["eu-central-1a", "eu-central-1b"], "g6.xlarge": ["eu-central-1c"] },
    });
    expect(calls).toEqual([
      {
        token: "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings",
        inputs: {
          locationType: "availability-zone",
          filters: [{ name: "instance-type", values: ["m7i.large", "g6.xlarge", "p5.48xlarge"] }],
        },
        provider: expect.stringContaining("own") as string,
      },
    ]);
  });

  it("are refused where EC2's two lists do not fit", () => {
    expect(() => offeringsOf(["m7i.large"], [])).toThrow(/named 1 instance types and 0 zones/);
  });
});
