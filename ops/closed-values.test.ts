import { describe, expect, it } from "vitest";
import { decrypt, encrypt } from "../configs/secrets.ts";
import { closedAgain } from "./closed-values.ts";

const [OLD, NEW, OTHER] = ["o".repeat(32), "n".repeat(32), "x".repeat(32)];

const text = (value: string, secret = false) => ({ value, secret });

describe("ENC(...) values of a stack's file", () => {
  it("are closed with the new secret, wherever they stand, and say the same", () => {
    const file = {
      "slipway:environment": text("dev"),
      "slipway:objectsSecretAccessKey": text(encrypt("key", OLD), true),
      "slipway:kubernetes": {
        ...text("{}"),
        objectValue: {
          objects: { endpoint: encrypt("https://a.example", OLD), cidrs: [encrypt("b", OLD), "10.0.0.0/8"] },
        },
      },
    };
    const { changes, strangers } = closedAgain(file, { from: OLD, to: NEW });
    expect(strangers).toEqual([]);
    expect(changes.map(({ path, value, isSecret }) => [path, decrypt(value, NEW), isSecret])).toEqual([
      ["objectsSecretAccessKey", "key", true],
      ["kubernetes.objects.endpoint", "https://a.example", false],
      ["kubernetes.objects.cidrs[0]", "b", false],
    ]);
  });

  it("are left alone where they are closed with it already, so that a run that was killed goes on", () => {
    const file = { "slipway:a": text(encrypt("done", NEW)), "slipway:b": text(encrypt("not yet", OLD)) };
    expect(closedAgain(file, { from: OLD, to: NEW }).changes.map(({ path }) => path)).toEqual(["b"]);
  });

  it("are named where neither secret opens them, and not touched", () => {
    const file = { "slipway:a": text(encrypt("else", OTHER)), "slipway:b": text("ENC(damaged)") };
    expect(closedAgain(file, { from: OLD, to: NEW })).toEqual({ changes: [], strangers: ["a", "b"] });
  });
});
