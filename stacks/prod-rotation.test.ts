import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { manifestOfAll } from "../test/pulumi/docker-stack.ts";
import { at, inputsOf, TYPES } from "../test/pulumi/kubernetes.ts";
import { ownFiles, prodStack, recordProd, type OwnFiles, type RecordedProd } from "../test/pulumi/prod-stack.ts";

vi.mock("../infra/images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const PHASES = [
  { slot: "first", other: "none" },
  { slot: "first", other: "next" },
  { slot: "second", other: "last" },
  { slot: "second", other: "off" },
] as const;

let files: OwnFiles;
const stacks: RecordedProd[] = [];
beforeAll(async () => {
  files = ownFiles();
  for (const slots of PHASES)
    stacks.push(await recordProd(prodStack(files, {}, { credentials: { database: slots, redis: slots } })));
});
afterAll(() => {
  files.remove();
});

const file = (of: RecordedProd, service: string, name: string) =>
  Buffer.from(String(at(inputsOf(of, TYPES.secret, `secrets-${service}`), "data", name)), "base64").toString();
const fileNames = (of: RecordedProd, service: string) =>
  Object.keys(at(inputsOf(of, TYPES.secret, `secrets-${service}`), "data") as object).filter((name) =>
    name.includes("password"),
  );

it("brings a token of ElastiCache in beside the one that serves, and leaves that alone once it is off", () => {
  const tokens = stacks.map((stack) => {
    const { authToken, authTokenUpdateStrategy } = inputsOf(
      stack,
      "aws:elasticache/replicationGroup:ReplicationGroup",
      "cache",
    );
    return [String(authToken).includes("second"), authTokenUpdateStrategy];
  });
  expect(tokens).toEqual([
    [false, "SET"],
    [true, "ROTATE"],
    [true, "ROTATE"],
    [true, "SET"],
  ]);
});

it("gives services the token of the slot that serves, under Redis' own user", () => {
  const given = stacks.map((stack) => file(stack, "api", "redis-password").includes("second"));
  expect(given).toEqual([false, false, true, true]);
  for (const stack of stacks) expect(inputsOf(stack, TYPES.configMap, "api")["data"]).not.toHaveProperty("REDIS_USER");
});

it("lets the step that makes the roles of RDS know every slot that may come in, and moves services by another role", () => {
  const first = ["database-owner-password", "database-password"];
  const second = first.map((name) => `${name}-second`);
  expect(stacks.map((stack) => fileNames(stack, "prepare").sort())).toEqual([
    first,
    [...first, ...second].sort(),
    [...first, ...second].sort(),
    second,
  ]);
  const users = stacks.map((stack) => at(inputsOf(stack, TYPES.configMap, "api")["data"], "DATABASE_USER"));
  expect(users).toEqual(["slipway_app", "slipway_app", "slipway_app_second", "slipway_app_second"]);
});

it("replaces nothing that holds data", () => {
  for (const type of ["aws:rds/instance:Instance", "aws:s3/bucket:Bucket"]) {
    const of = (stack: RecordedProd) => stack.resources.filter((one) => one.type === type).map(({ inputs }) => inputs);
    for (const stack of stacks) expect(of(stack)).toEqual(of(stacks[0] as RecordedProd));
  }
});
