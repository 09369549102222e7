import { CustomResource } from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { record } from "../test/pulumi/recorder.ts";
import { allowedByCaller, allowReplace } from "./allow-replace.ts";

/** As classes of SDKs are: what is written by hand may not be made of the abstract one. */
class Thing extends CustomResource {}

/** Things that a program makes where the file allows something, by `<type> <name>`: whether each is protected, and its inputs. */
async function made(allowed: readonly string[]): Promise<ReadonlyMap<string, readonly [boolean, object]>> {
  const transformations = [allowReplace(allowed)];
  const thing = (type: string, name: string, props: object, protect: boolean) =>
    new Thing(`test:data:${type}`, name, props, { protect, transformations });
  const { resources } = await record(() => {
    thing("Instance", "database", { deletionProtection: true, size: 1 }, true);
    thing("Group", "database", { deletionProtection: true }, false);
    thing("Edge", "edge", { enableDeletionProtection: true }, true);
    thing("Bucket", "objects", { forceDestroy: false }, true);
  }, {});
  const told = ({ type, name }: { readonly type: string; readonly name: string }) =>
    `${type.split(":")[2] ?? ""} ${name}`;
  return new Map(resources.map((one) => [told(one), [one.isProtected, one.inputs]]));
}

const AS_THEY_ARE = [
  ["Instance database", [true, { deletionProtection: true, size: 1 }]],
  ["Group database", [false, { deletionProtection: true }]],
  ["Edge edge", [true, { enableDeletionProtection: true }]],
  ["Bucket objects", [true, { forceDestroy: false }]],
] as const;

const changed = (...rows: readonly (readonly [string, readonly [boolean, object]])[]) =>
  new Map([...AS_THEY_ARE, ...rows]);

describe("what a stack's file lets an up replace or delete", () => {
  it("is nothing where nothing is named, nor by a part of a name", async () => {
    expect(await made([])).toEqual(changed());
    expect(await made(["data", "database-2", "Instance"])).toEqual(changed());
  });

  it("is also what who calls it names, with commas or spaces between", () => {
    const named = (text?: string) => allowedByCaller({ SLIPWAY_ALLOW_REPLACE: text });
    expect([named(), named(""), named(" "), named("database"), named("database, objects edge")]).toEqual([
      ...[[], [], []],
      ["database"],
      ["database", "objects", "edge"],
    ]);
  });

  it("is what is named and protected, by Pulumi and by the service, and nothing beside it", async () => {
    expect(await made(["database"])).toEqual(
      changed(["Instance database", [false, { deletionProtection: false, size: 1 }]]),
    );
    expect(await made(["edge", "objects"])).toEqual(
      changed(
        ["Edge edge", [false, { enableDeletionProtection: false }]],
        ["Bucket objects", [false, { forceDestroy: false }]],
      ),
    );
  });
});
