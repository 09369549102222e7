import { describe, expect, it } from "vitest";
import { atLeast, beside, each, given, includes, is, oneOf } from "./checks.ts";
import { judge } from "./judge.ts";
import type { Checked, Checks, Exception, Holds } from "./rule.ts";
import { plain, UNKNOWN } from "./unknown.ts";

const resource = (inputs: Record<string, unknown>, more: Partial<Checked> = {}): Checked => ({
  ...{ type: "some:index/thing:Thing", name: "one", urn: "urn:one", inputs, isProtected: false, sources: {} },
  ...more,
});

const rule = { name: "good", description: "", mend: "Mend it so." };

const judged = (holds: Holds, inputs: Record<string, unknown>, exceptions: readonly Exception[] = []) => {
  const checks: Checks = { "some:index/thing:Thing": { "is good": holds } };
  const one = resource(inputs);
  return judge(rule, checks, one, [one], exceptions);
};

describe("a violation", () => {
  it("says where, what was got, what must be there, and how it is mended", () => {
    const [found] = judged(is("deep.flag", true), { deep: { flag: false } });
    expect(found?.message).toBe(
      "It does not hold that Thing one is good: deep.flag must be true, is false. Mend it so. " +
        "Where this one is right as it is: an exception with its reason in policies/exceptions.ts.",
    );
    expect(judged(atLeast("days", 28), {})[0]?.message).toContain("days must be at least 28, is left out.");
    expect(judged(oneOf("mode", "on", undefined), { mode: "off" })[0]?.message).toContain(
      'mode must be "on" or left out, is "off".',
    );
  });

  it("shows no text that may be a secret", () => {
    const [found] = judged(each("password", /^x/), { password: "canary" });
    expect(found?.message).toContain("is a text of 6 characters");
    expect(found?.message).not.toContain("canary");
  });

  it("is excepted by rule, type, name and what", () => {
    const one: Exception = { rule: "good", type: "some:index/thing:Thing", name: /^one$/, reason: "" };
    const bad = (exception: Exception) => judged(is("flag", true), {}, [exception]).length;
    expect(bad(one)).toBe(0);
    expect(bad({ ...one, from: ["is good"] })).toBe(0);
    for (const other of [
      { rule: "other" },
      { type: "some:index/other:Other" },
      { name: /^two$/ },
      { from: ["is new"] },
    ])
      expect(bad({ ...one, ...other })).toBe(1);
  });
});

describe("what is not known before the deploy", () => {
  /** As @pulumi/policy hands inputs over in a preview. */
  const unknowing = new Proxy<Record<string, unknown>>(
    { id: "never seen", list: ["a", "b"], flag: true },
    {
      get: (inputs, key) => {
        if (key === "id") throw new Error("string value at .id can't be known during preview");
        return inputs[String(key)];
      },
    },
  );

  it("is told from what is left out", () => {
    expect(plain(unknowing)).toEqual({ id: UNKNOWN, list: ["a", "b"], flag: true });
  });

  it("is let pass, and nothing else is", () => {
    const inputs = { id: UNKNOWN, list: [UNKNOWN], deep: UNKNOWN };
    for (const holds of [is("id", "x"), given("id"), each("list", /x/), includes("list", "x"), atLeast("deep.er", 1)])
      expect(judged(holds, inputs)).toEqual([]);
    expect(judged(given("missing"), inputs)).toHaveLength(1);
  });
});

it("a resource beside another is the one whose input comes from it", () => {
  const [bucket, other] = [resource({}, { urn: "urn:bucket" }), resource({}, { urn: "urn:other" })];
  const access = resource({ closed: true }, { type: "some:index/access:Access", sources: { bucket: ["urn:bucket"] } });
  const closed = beside("some:index/access:Access", "bucket", is("closed", true));
  expect(closed(bucket, [bucket, access])).toBe(true);
  expect(closed(other, [other, access])).toBe(false);
  expect(closed(bucket, [bucket, { ...access, inputs: { closed: false } }])).toBe(false);
  expect(beside("some:index/access:Access", "owner")(bucket, [access])).toBe(false);
});
