import { expect, it } from "vitest";
import { withoutAnswer } from "./debug-log.ts";

it("cuts the engine's answer off and leaves every other message as it is", () => {
  const said = "RegisterResource RPC finished: resource:p[random:index/randomPassword:RandomPassword]; err: null";
  expect(withoutAnswer(`${said}, resp: urn,result,hunter2`)).toBe(
    `${said}, resp: [left out: it holds secrets in clear]`,
  );
  expect(withoutAnswer("Registering resource: t=x")).toBe("Registering resource: t=x");
});
