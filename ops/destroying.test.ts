import { expect, it } from "vitest";
import { UserError } from "../toolchain/command.ts";
import { destroyText, planDestroy, refuseUnnamed } from "./destroying.ts";

const resource = (type: string, name: string, protect?: boolean) => ({
  ...{ type, urn: `urn:pulumi:mine::slipway::slipway:docker:Platform$${type}::${name}` },
  ...(protect !== undefined && { protect }),
});

const STATE = {
  deployment: {
    resources: [
      resource("pulumi:pulumi:Stack", "slipway-mine"),
      resource("slipway:docker:Platform", "docker"),
      resource("pulumi:providers:docker", "docker"),
      resource("docker:index/volume:Volume", "postgres"),
      resource("docker:index/volume:Volume", "secrets-api"),
      resource("random:index/randomPassword:RandomPassword", "backup-key"),
      resource("docker:index/container:Container", "api-1", true),
      resource("docker:index/container:Container", "api-2"),
    ],
  },
};

it("tells data from what can be made again, and leaves out what is nothing by itself", () => {
  const { data, others } = planDestroy(STATE, false);
  expect(data.map(({ name }) => name)).toEqual(["postgres", "backup-key"]);
  expect(others.map(({ name }) => name)).toEqual(["secrets-api", "api-1", "api-2"]);
  expect(planDestroy(STATE, true)).toEqual({ data: [], others });
});

it("says data first, and what does it", () => {
  const text = destroyText("mine", planDestroy(STATE, false), (line) => `**${line}**`);
  expect(text.split("\n")).toEqual([
    "mine: 5 resources would go.",
    "**  data  postgres (docker:index/volume:Volume)**",
    "**  data  backup-key (random:index/randomPassword:RandomPassword)**",
    "     2  docker:index/container:Container",
    "     1  docker:index/volume:Volume",
    "  1 of them are protected; slipway:teardown takes that off.",
    "",
    "It is done by: ./slipway destroy --yes --data postgres,backup-key --stack mine",
    "",
  ]);
});

it("refuses data that nobody has named, and names that are none", () => {
  const plan = planDestroy(STATE, false);
  const refusal = (named: string[]) => () => {
    refuseUnnamed("mine", plan, named);
  };
  expect(refusal(["postgres"])).toThrow(/would be lost, and nothing was changed: backup-key\./);
  expect(refusal(["postgres", "backup-key", "redis"])).toThrow(/names redis, which mine has not/);
  expect(refusal([])).toThrow(UserError);
  expect(refusal(["postgres", "backup-key"])).not.toThrow();
});
