import { expect, it } from "vitest";
import { recordAws } from "../../test/pulumi/aws-data.ts";
import { known } from "../../test/pulumi/recorder.ts";
import { ownName, stackPart } from "./own-name.ts";

it.each([
  ["prod", "prod"],
  ["Team_A.prod", "team-a-prod"],
  ["--odd--", "odd"],
  ["a-stack-with-a-very-long-name", "a-stack-with-a-very-lon"],
  ["a-stack-with-a-verylong-name-", "a-stack-with-a-verylong"],
  ["a-stack-with-a-very-lo-ng", "a-stack-with-a-very-lo"],
])("a stack named %s is %s to every service", (stack, part) => {
  expect(stackPart(stack)).toBe(part);
});

it("a name is one that RDS and ElastiCache take, and another one when the stack is made again", async () => {
  const { result, resources } = await recordAws((place) => ownName("cache", { ...place, stack: "x".repeat(100) }));
  const name = await known(result);
  expect(name).toMatch(/^[a-z](-?[a-z0-9])*-0badcafe$/);
  expect(name.length).toBe(40);
  expect(resources.find(({ name: of }) => of === "cache-name")?.inputs).toEqual({ byteLength: 4 });
});
