import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePath } from "./paths.ts";
import { at, decode, encode, equal, pathText, UNKNOWN, without, type JsonObject } from "./wire.ts";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const secret = (value: unknown) => ({ [SIGNATURE]: "1b47061264138c4ac30d75fd1eb44270", value });

describe("decode", () => {
  it("takes the marks off and tells what they said", () => {
    const marked = {
      data: secret({ password: "p", deep: secret("d") }),
      list: [1, secret(2), UNKNOWN],
      output: { [SIGNATURE]: "d0e6a833031e9bbcd3f4e8bde6ca49a4", value: "v", secret: true, dependencies: [] },
      later: { [SIGNATURE]: "d0e6a833031e9bbcd3f4e8bde6ca49a4", dependencies: [] },
    };
    expect(decode(marked)).toEqual({
      value: { data: { password: "p", deep: "d" }, list: [1, 2, UNKNOWN], output: "v", later: UNKNOWN },
      secrets: [["data"], ["data", "deep"], ["list", 1], ["output"]],
      unknowns: [["list", 2], ["later"]],
    });
  });

  it("refuses what Kubernetes does not take, and says where", () => {
    const asset = { a: [{ [SIGNATURE]: "c44067f5952c0a294b673a41bacd8c17", text: "x" }] };
    expect(() => decode(asset)).toThrow("a[0] is an asset");
  });
});

describe("encode", () => {
  it("marks the parts that are there, the inner ones too, and nothing twice", () => {
    const value = { data: { a: "1", b: ["x", "y"] }, other: 1 };
    const marked = encode(value, [["data"], ["data", "b", 1], ["none"], ["data", "none"], ["data"]]);
    expect(marked).toEqual({ data: secret({ a: "1", b: ["x", secret("y")] }), other: 1 });
  });

  it("and decode undo each other", () => {
    const json = fc.letrec<{ json: unknown; object: JsonObject }>((tie) => ({
      json: fc.oneof(
        { maxDepth: 3 },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.array(tie("json"), { maxLength: 3 }),
        tie("object"),
      ),
      object: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), tie("json"), { maxKeys: 4 }) as fc.Arbitrary<JsonObject>,
    }));
    fc.assert(
      fc.property(json.object, (value) => {
        const secrets = Object.keys(value).map((key) => [key]);
        const { value: again, secrets: found } = decode(encode(value, secrets));
        expect([again, found]).toEqual([value, secrets]);
      }),
    );
  });
});

describe("paths", () => {
  it.each([
    ["spec.ports[0].name", ["spec", "ports", 0, "name"]],
    ['metadata.annotations["a.b/c"]', ["metadata", "annotations", "a.b/c"]],
  ])("%s is read and written alike", (text, path) => {
    expect([parsePath(text), pathText(path)]).toEqual([path, text]);
  });

  it("lead to parts, or to nothing", () => {
    const value = { a: [{ b: 1 }] };
    expect([at(value, ["a", 0, "b"]), at(value, ["a", 1, "b"]), at(value, ["a", "b"])]).toEqual([
      1,
      undefined,
      undefined,
    ]);
  });

  it("can be taken out of a value, which stays as it was", () => {
    const value = { spec: { replicas: 2, selector: {} }, kind: "x" };
    expect(without(value, [["spec", "replicas"], ["status"], ["kind", "deep"]])).toEqual({
      spec: { selector: {} },
      kind: "x",
    });
    expect(value.spec.replicas).toBe(2);
  });
});

it("takes null and absence for the same, and nothing else", () => {
  expect([equal({ a: null }, {}), equal([1], [1, 2]), equal({ a: { b: 1 } }, { a: { b: 1 } }), equal(0, null)]).toEqual(
    [true, false, true, false],
  );
});
