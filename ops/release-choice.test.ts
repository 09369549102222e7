import { describe, expect, it } from "vitest";
import type { DeploymentRecord } from "../toolchain/deployment/deployments-log.ts";
import { preCheck, runningLooks } from "./pre-checks.ts";
import { barriers, chooseRelease, refuseBarriers, type KnownRelease } from "./release-choice.ts";
import { releasesText } from "./commands/releases.ts";
import { marked } from "./releases.ts";

const images = (name: string) => ({ api: `sha256:${name}`, worker: `sha256:w${name}` });
const record = (
  number: number,
  version: string,
  more: Omit<Partial<DeploymentRecord>, "images"> = {},
): KnownRelease => ({
  ...{ number, version, id: "", command: "slipway deploy", by: "me@here", startedAt: "2026-11-29T02:00:00Z" },
  ...{ outcome: "succeeded", images: images(version), ...more },
});

describe("going back", () => {
  const records = [
    record(1, "0.1.0+aaa"),
    record(2, "0.1.0+abb"),
    record(3, "0.2.0+ccc", { outcome: "failed" }),
    record(4, "0.3.0+ddd"),
  ];
  const choose = (wanted?: string, serving = images("0.3.0+ddd")) =>
    chooseRelease({ stack: "dev", records, serving, wanted }).number;

  it("is to the release before the one that serves, whatever failed in between", () => {
    expect(choose()).toBe(2);
    expect(choose(undefined, images("0.1.0+abb"))).toBe(1);
    expect(() => choose(undefined, images("0.1.0+aaa"))).toThrow("no release before the one that serves");
    expect(choose(undefined, images("by hand"))).toBe(4);
  });

  const after = (...more: readonly [version: string, command?: string][]) => {
    const then = more.map(([version, command = "slipway deploy"], index) => record(5 + index, version, { command }));
    const serving = images(more.at(-1)?.[0] ?? "");
    return chooseRelease({ stack: "dev", records: [...records, ...then], serving, wanted: undefined }).number;
  };

  it.each(["slipway rollback --yes", "slipway rollback 2 --yes", "slipway deploy --rollback 2 --yes"])(
    "is not to the one that %s has left",
    (command) => {
      expect(after(["0.1.0+abb", command])).toBe(1);
      expect(after(["0.1.0+abb", command], ["0.1.0+abb", "make up"])).toBe(1);
      expect(after(["0.1.0+abb", command], ["0.4.0+eee"])).toBe(5);
    },
  );

  it("is to the one that was there until an earlier one was deployed once more", () => {
    expect(after(["0.1.0+abb"])).toBe(4);
  });

  it("counts a release once, however often it was deployed", () => {
    const again = [...records, record(5, "0.3.0+ddd"), record(6, "0.3.0+ddd")];
    expect(
      chooseRelease({ stack: "dev", records: again, serving: images("0.3.0+ddd"), wanted: undefined }).number,
    ).toBe(2);
  });

  it("knows the API's release where workers are scaled to none", () => {
    expect(choose(undefined, { api: images("0.3.0+ddd").api, worker: "none" })).toBe(2);
  });

  it.each([
    ["1", 1],
    ["#2", 2],
    ["0.1.0+aaa", 1],
    ["0.1.0+ab", 2],
    ["0.3", 4],
  ])("%s is deployment %d", (wanted, number) => {
    expect(choose(wanted)).toBe(number);
  });

  it.each([
    ["0.1.0", /may mean 2 releases.*\n {2}2 {2}0\.1\.0\+abb.*\n {2}1 {2}0\.1\.0\+aaa/],
    ["0.2", /no release "0\.2" that was deployed/],
    ["3", /no release "3"/],
    ["9", /no release "9"/],
  ])("%s is refused", (wanted, why) => {
    expect(() => choose(wanted)).toThrow(why);
  });

  it("is refused where there is nothing before", () => {
    const only = { stack: "mine", records: [record(1, "a")], serving: images("a"), wanted: undefined };
    expect(() => chooseRelease(only)).toThrow(
      "mine has no release before the one that serves. See: ./slipway releases --stack mine",
    );
  });
});

describe("what the database has gone through", () => {
  const applied = (...phases: (string | null)[]) =>
    phases.map((phase, index) => ({ version: index + 1, file: `000${index + 1}-x.sql`, phase }));

  it.each([
    [["expand", "expand"], 1, []],
    [["expand", "incompatible"], 1, [2]],
    [["expand", "incompatible"], 2, []],
    [["expand", "expand", "contract"], 2, []],
    [["expand", "expand", "contract"], 1, [3]],
    [["expand", "contract", "expand"], 1, []],
    [["expand", "incompatible", "expand", "contract"], 1, [2, 4]],
    [[null, null], 0, []],
  ])("%j stands in the way of code that needs %d: %j", (phases, needs, versions) => {
    expect(barriers(applied(...phases), needs).map(({ version }) => version)).toEqual(versions);
  });

  it("is refused with the backup from before, and how to bring data and release back together", () => {
    const target = record(1, "0.1.0", { schemaNeeds: 1, schemaAfter: 1 });
    const broke = record(2, "0.2.0", { schemaBefore: 1, schemaAfter: 2, backup: "20261129-023000F" });
    const refuse = () => {
      refuseBarriers("dev", target, applied("expand", "incompatible"), [target, broke]);
    };
    expect(refuse).toThrow("has 0002-x.sql, which is incompatible");
    expect(refuse).toThrow("slipway:release.api=sha256:0.1.0 --plaintext slipway:release.worker=sha256:w0.1.0");
    expect(refuse).toThrow("./slipway restore --to 20261129-023000F ");
    expect(() => {
      refuseBarriers("dev", target, applied("expand", "expand"), []);
    }).not.toThrow();
  });
});

describe("checks before a deploy", () => {
  const look = (more = {}) => ({
    kind: "seen" as const,
    look: { failing: [], applied: [], waiting: [], oldestDueSeconds: 0, ...more },
  });

  it("say that all is well, or that nothing runs", () => {
    expect(preCheck(runningLooks(look(), "dev"), false)).toBe("database, Redis and queue are well");
    expect(preCheck(runningLooks({ kind: "nothing runs" }, "dev"), false)).toBe("nothing runs yet");
    expect(preCheck(runningLooks({ kind: "too old" }, "dev"), false)).toBe(
      "not asked: the release that serves is older than the question",
    );
  });

  it.each([
    [look({ failing: [{ dependency: "redis", reason: "connection is end" }] }), "redis: connection is end"],
    [look({ oldestDueSeconds: 1801 }), "queue: the oldest job waits for 30 min 01 s, at most 30 min 00 s"],
    [{ kind: "no answer" as const, why: "exit code 1: x" }, "the API could not be asked: exit code 1: x"],
  ])("refuse %j, and pass it over by force", (looked, why) => {
    const looks = runningLooks(looked, "dev");
    expect(() => preCheck(looks, false)).toThrow(why);
    expect(preCheck(looks, true)).toContain(`passed over: ${why}`);
  });

  it("say what to do beside each fault, and what else stands to be looked at", () => {
    const redis = look({ failing: [{ dependency: "redis", reason: "away" }] });
    expect(() => preCheck(runningLooks(redis, "prod"), false)).toThrow(/redis: away\. Does it run.*--stack prod\)\?$/m);
    const gpu = { state: "warning" as const, detail: "nobody has looked for a GPU", mend: "Look." };
    expect(preCheck([...runningLooks(look(), "prod"), gpu], false)).toBe(
      "database, Redis and queue are well; nobody has looked for a GPU",
    );
    expect(() => preCheck([...runningLooks(look(), "prod"), { ...gpu, state: "bad" }], false)).toThrow("a GPU. Look.");
  });
});

describe("the list", () => {
  const records = [
    record(1, "0.1.0"),
    record(2, "0.2.0", { outcome: "failed", step: "Deploy", reason: "never healthy\nlog" }),
    record(3, "0.3.0"),
  ];
  const running = (name: string) => ({
    copies: (["api", "worker-cpu"] as const).map((service) => ({
      ...{ service, name: service, state: "ready" as const },
      image: service === "api" ? images(name).api : images(name).worker,
    })),
  });

  it("marks the newest deployment of the release that serves", () => {
    const serves = (name: string) =>
      marked([...records, record(4, "0.1.0")], running(name)).find((one) => one.serves)?.number;
    expect([serves("0.1.0"), serves("0.3.0"), serves("other")]).toEqual([4, 3, undefined]);
  });

  it("says why nothing is known of other machines", () => {
    const said = "What other machines deployed since is not known: no API runs.\n";
    expect(releasesText(marked(records, running("0.3.0")), "/log", "no API runs")).toContain(
      `All of it: /log\n${said}`,
    );
    expect(releasesText([], "/log", "no API runs")).toContain(said);
    expect(releasesText([], "/log")).not.toContain("other machines");
  });

  it("says where and why a deployment did not succeed", () => {
    const text = releasesText(marked(records, running("0.3.0")), "/state/deployments.log");
    expect(text).toMatch(/\*\s+3 {2}0\.3\.0/);
    expect(text).toContain("\n  2  at Deploy: never healthy\n\nAll of it: /state/deployments.log");
  });
});
