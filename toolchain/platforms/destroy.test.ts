import { expect, test } from "vitest";
import { UserError } from "../command.ts";
import { refuseProtected } from "./destroy.ts";

const resource = (name: string, protect?: boolean) => ({
  urn: `urn:pulumi:prod::slipway::aws:rds/instance:Instance::${name}`,
  type: "aws:rds/instance:Instance",
  ...(protect !== undefined && { protect }),
});
const state = (resources?: ReturnType<typeof resource>[]) => ({ deployment: { ...(resources && { resources }) } });

test("a stack that protects something is left alone, and the message names it and how to go on", () => {
  const refused = () => {
    refuseProtected("prod", state([resource("a"), resource("database", true), resource("b", false)]));
  };
  expect(refused).toThrow(UserError);
  expect(refused).toThrow(
    /^The stack prod protects 1 of its resources, and nothing of it was touched:\n {2}database \(aws:rds/,
  );
  expect(refused).toThrow("slipway:teardown: true");
});

test.each([[state()], [state([])], [state([resource("a"), resource("b", false)])]])(
  "others go on: %j",
  (deployment) => {
    expect(() => {
      refuseProtected("dev", deployment);
    }).not.toThrow();
  },
);
