import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { followEvents, parseEvent, type EngineEvent } from "./engine-events.ts";
import { countChanges, Progress } from "./progress.ts";
import { changes } from "./update.ts";

const URN = "urn:pulumi:dev::slipway::slipway:docker:Platform$docker:index/container:Container::api-1";
const metadata = (op: string, urn = URN) => ({ op, urn, type: urn.split("::")[2]?.split("$").at(-1) ?? "" });
const event = (name: string, op: string, urn?: string): EngineEvent => ({ [name]: { metadata: metadata(op, urn) } });

test("events are handed on as they are written, lines that are cut in two included, and the file is gone afterwards", async () => {
  const seen: EngineEvent[] = [];
  let path = "";
  const line = `${JSON.stringify({ sequence: 1, ...event("resourcePreEvent", "create") })}\n`;
  const result = await followEvents(
    (one) => seen.push(one),
    async (to) => {
      path = to;
      writeFileSync(path, line + line.slice(0, 30));
      await expect.poll(() => seen.length).toBe(1);
      appendFileSync(path, `${line.slice(30)}no JSON\n${line}`);
      return "done";
    },
  );
  expect(result).toBe("done");
  expect(seen.map(({ resourcePreEvent }) => resourcePreEvent?.metadata.op)).toEqual(["create", "create", "create"]);
  expect(existsSync(path)).toBe(false);
});

test("a step without what is looked at is no event", () => {
  expect(parseEvent('{"resourcePreEvent": {"metadata": {"op": "create"}}}')).toBeUndefined();
  expect(parseEvent('{"sequence": 7, "cancelEvent": {}}')).toMatchObject({ sequence: 7 });
});

test("progress says what came to its end, and what is under way, the longest first", () => {
  let at = 0;
  const progress = new Progress({ total: 3, now: () => at });
  expect(progress.take(event("resourcePreEvent", "create"))).toBeUndefined();
  at += 2000;
  progress.take(event("resourcePreEvent", "delete-replaced", `${URN}b`));
  expect(progress.detail).toBe("0 of 3; creating api-1 (2.0 s), deleting the old api-1b (0.0 s)");
  expect(progress.take(event("resOutputsEvent", "create"))).toBe("+ api-1 created (2.0 s)");
  expect(progress.take(event("resOpFailedEvent", "delete-replaced", `${URN}b`))).toBe("! api-1b failed (0.0 s)");
  expect(progress.detail).toBe("1 of 3");
});

test("what stays, components and providers are no progress", () => {
  const progress = new Progress();
  const quiet = [
    event("resourcePreEvent", "same"),
    event("resourcePreEvent", "create", "urn:pulumi:dev::slipway::pulumi:pulumi:Stack::slipway-dev"),
    event("resourcePreEvent", "create", "urn:pulumi:dev::slipway::pulumi:providers:docker::default"),
    event("resourcePreEvent", "create", "urn:pulumi:dev::slipway::slipway:docker:Platform::docker"),
  ];
  for (const one of quiet) progress.take(one);
  expect(progress.detail).toBe("0 done");
});

test("a preview counts what will be told: both ends of a replacement, and no component", () => {
  const step = (op: string, urn = URN) => ({ op, urn });
  const platform = "urn:pulumi:dev::slipway::slipway:docker:Platform::docker";
  expect(countChanges([step("same"), step("replace"), step("update"), step("create", platform)])).toBe(3);
  const progress = new Progress({ total: 0 });
  progress.take(event("resourcePreEvent", "update"));
  progress.take(event("resOutputsEvent", "update"));
  expect(progress.detail).toBe("1 done");
});

test("what an update came to is read from its last lines", () => {
  const said =
    "Resources:\n    + 2 created\n    ~ 1 updated\n    - 3 deleted\n    +-7 replaced\n    13 changes. 36 unchanged\n";
  expect(changes(said)).toBe("2 created, 1 updated, 3 deleted, 7 replaced, 36 unchanged");
});

test("the first error is the fault, in one line, without colours", () => {
  const progress = new Progress();
  const told = (message: string, severity: string, urn?: string) =>
    progress.take({ diagnosticEvent: { message, severity, ...(urn !== undefined && { urn }) } });
  told("careful", "warning", URN);
  expect(progress.fault).toBeUndefined();
  told("<{%reset%}>\n  it is broken\nat some place<{%reset%}>\n", "error", URN);
  told("update failed", "error");
  expect(progress.fault).toBe("api-1: it is broken");
});

test("of an error with several reasons each is told, and the end of a log with them", () => {
  const progress = new Progress();
  const message =
    "2 errors occurred:\n\t* timed out\n\t* pod api-x, container api: ended; the end of its log:\n      broken\n\n";
  progress.take({ diagnosticEvent: { message, severity: "error", urn: URN } });
  expect(progress.fault).toBe("api-1: timed out\n  pod api-x, container api: ended; the end of its log:\n  broken");
});

test("of what the program says, the canary's lines are shown", () => {
  const said = (message: string) =>
    new Progress().take({ diagnosticEvent: { message: `<{%reset%}>${message}<{%reset%}>\n`, severity: "info" } });
  expect(said("Canary at 10 % is good.")).toBe("Canary at 10 % is good.");
  expect(said("Blue-green is good.")).toBe("Blue-green is good.");
  expect(said("api-1a serves")).toBeUndefined();
});
