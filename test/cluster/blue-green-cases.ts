import { expect, it } from "vitest";
import type { Deployed } from "../../ops/deploying.ts";
import type { Drift } from "../../ops/drift.ts";
import { BAD_ROUTE, undo } from "../e2e/bad-releases.ts";
import { canaries, podsOfApi, servedBy } from "./seen.ts";
import type { TypedStack } from "./typed-stack.ts";
import { Versions } from "./versions.ts";

/** The release that serves before these cases, and the one that does after them. */
const FIRST = "0.3.0";
export const LAST_BLUE_GREEN = "0.3.2";

const BLUE_GREEN = ["--yes", "--no-backup", "--blue-green", "--canary-seconds", "8"];

/** Where requests go, what runs beside, and who owns the Service's fields, as it is while nothing is under way. */
const CALM = ["slipway", "", "none of ours"];

/** `./slipway deploy --blue-green` on a stack that is up, under load. */
export function blueGreenCases(stack: () => TypedStack): void {
  it("goes back at once where the new pods fail, and not a pod of those before was touched", async () => {
    stack().checkout.release(FIRST, "0.3.1");
    stack().checkout.edit(...BAD_ROUTE);
    const before = await podsOfApi(stack());
    await stack().begin();
    const { code, output } = await stack().slipway("deploy", ...BLUE_GREEN).ended;
    undo(stack().checkout, BAD_ROUTE);
    stack().checkout.release("0.3.1", FIRST);
    expect(code, output).toBe(1);
    expect(output).toContain("Blue-green: all requests go to the 2 pods of the new release.");
    expect(output).toMatch(/The blue-green release was given up: \d+ of \d+ requests to the new release failed/);
    expect(output).toContain(`nothing of another release runs, and ${FIRST} serves on`);
    expect([await podsOfApi(stack()), await state(stack()), await servedBy(stack())]).toEqual([before, CALM, FIRST]);
    await stack().nothingWasLost("500: ");
  });

  it("brings all requests to another version at one moment, which no later one leaves", async () => {
    stack().checkout.release(FIRST, "0.3.1");
    await stack().begin();
    const versions = new Versions(stack().request);
    const { code, result, text } = await stack().asked<Deployed>("deploy", ...BLUE_GREEN);
    const { order, stale, requests } = await versions.end();
    expect(code, text).toBe(0);
    expect(text).toMatch(/Blue-green is good\. the new release: \d{2,} requests, 0 errors .*; the one before: \d{2,}/);
    expect(result.deployment).toMatchObject({ outcome: "succeeded", serving: "0.3.1" });
    expect([order, stale]).toEqual([[FIRST, "0.3.1"], 0]);
    expect(requests).toBeGreaterThan(100);
    expect([await state(stack()), await servedBy(stack())]).toEqual([CALM, "0.3.1"]);
    await stack().nothingWasLost();
  });

  it("is finished by the next deploy where it was killed behind the switch", async () => {
    stack().checkout.release("0.3.1", LAST_BLUE_GREEN);
    await stack().begin();
    const killed = stack().slipway("deploy", ...BLUE_GREEN);
    await killed.printed("all requests go to the 2 pods of the new release");
    killed.kill();
    await killed.ended;
    const [selects, beside] = await state(stack());
    expect([selects, beside]).toEqual(["slipway-green", expect.stringMatching(/^api-canary( worker-cpu-canary)?$/)]);
    const drift = await stack().asked<Drift>("drift");
    expect(drift.code, drift.text).toBe(3);
    expect(drift.result.changes, drift.text).toContainEqual(
      expect.objectContaining({ op: "update", type: expect.stringMatching(/\bService$/) as string, name: "api" }),
    );
    expect(drift.result.unmanaged.map(({ name }) => name).join(), drift.text).toContain("api-canary");
    const { code, result, text } = await stack().asked<Deployed>("deploy", "--yes", "--no-backup");
    expect(code, text).toBe(0);
    expect(result.deployment).toMatchObject({ outcome: "succeeded", serving: LAST_BLUE_GREEN });
    expect([await state(stack()), await servedBy(stack())]).toEqual([CALM, LAST_BLUE_GREEN]);
    await stack().nothingWasLost();
  });
}

async function state(stack: TypedStack): Promise<string[]> {
  const service = (path: string) => stack.get(["service", "api", "--show-managed-fields"], path);
  const owners = await service("{.metadata.managedFields[*].manager}");
  return [
    await service("{.spec.selector.app\\.kubernetes\\.io/part-of}"),
    await canaries(stack),
    owners.includes("slipway-blue-green") ? owners : "none of ours",
  ];
}
