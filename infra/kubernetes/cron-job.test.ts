import { beforeAll, describe, expect, it } from "vitest";
import {
  at,
  CLUSTER_ANSWERS,
  clusterStack,
  inputsOf,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";
import { record } from "../../test/pulumi/recorder.ts";
import { breaches } from "../../policies/restricted.ts";
import { backupSecrets, stackSecrets } from "../secrets.ts";
import { describeServices } from "../services.ts";
import type { CronSchedule } from "./cron-job.ts";
import { KubernetesPlatform } from "./platform.ts";
import { clusterConfig } from "./settings.ts";

const NIGHTLY = { cron: "30 2 * * *", timeZone: "Europe/Berlin", deadlineSeconds: 1800 };
const CRON_JOB = TYPES.cronJob;

/** A stack whose migration also runs at night, under another name. */
function recordNightly(
  schedule: CronSchedule = NIGHTLY,
  name = "nightly",
): Promise<Pick<RecordedCluster, "resources">> {
  const config = clusterConfig(clusterStack({ autoscaler: "none" }), true);
  const program = () => {
    const own = stackSecrets();
    const platform = new KubernetesPlatform("cluster", {
      config,
      secrets: own,
      backupSecrets: backupSecrets(),
      hasGpu: false,
    });
    const keys = { jwt: own.jwtKeys, hmac: own.hmacKeys };
    const { database, cache, objects } = platform;
    const { migrate, running } = describeServices({ config, database, cache, objects, hasGpu: false, keys });
    const migrated = platform.runOnce(migrate);
    platform.runOnSchedule({ ...migrate, name }, schedule, [migrated]);
    platform.release(running, [migrated]);
  };
  return record(program, CLUSTER_ANSWERS);
}

let stack: Pick<RecordedCluster, "resources">;
beforeAll(async () => {
  stack = await recordNightly();
});

describe("a program that runs at set times", () => {
  it("runs one at a time, with an end, in its time zone, and leaves logs of the last runs", () => {
    expect(inputsOf(stack, CRON_JOB, "nightly")).toMatchObject({
      metadata: { name: "nightly", namespace: "slipway-unit" },
      spec: {
        schedule: "30 2 * * *",
        timeZone: "Europe/Berlin",
        concurrencyPolicy: "Forbid",
        startingDeadlineSeconds: 600,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 3,
        jobTemplate: { spec: { backoffLimit: 0, activeDeadlineSeconds: 1800 } },
      },
    });
  });

  it("has the pod of a program that runs once, but for its own name, and is let in by restricted", () => {
    const nightly = at(inputsOf(stack, CRON_JOB, "nightly"), "spec", "jobTemplate", "spec", "template");
    const once = at(inputsOf(stack, TYPES.job, "migrate"), "spec", "template");
    const unnamed = (template: unknown, name: string) =>
      JSON.parse(JSON.stringify(template).replaceAll(new RegExp(`${name}(-[0-9a-f]{10,16})?"`, "g"), 'x"')) as unknown;
    expect(unnamed(nightly, "nightly")).toEqual(unnamed(once, "migrate"));
    expect(breaches(at(nightly, "spec") as Record<string, unknown>)).toEqual([]);
  });

  it("waits for what it needs, and has its place in the quota", () => {
    const [found] = stack.resources.filter(({ type, name }) => type === CRON_JOB && name === "nightly");
    expect(found?.dependencies.join()).toContain("Job::migrate");
    expect(found?.dependencies.join()).toContain("Service::postgres");
    // One more than without it.
    expect(at(inputsOf(stack, TYPES.quota, "quota"), "spec", "hard", "pods")).toBe("19");
  });

  it.each([
    ["no end", { deadlineSeconds: 0 }, "nightly", /CronJob nightly: deadlineSeconds is 0, must be .* at least 1/],
    ["half a second", { deadlineSeconds: 0.5 }, "nightly", /deadlineSeconds is 0.5, must be a whole number/],
    ["less patience than the controller's pause", { lateSeconds: 9 }, "nightly", /lateSeconds is 9, .* at least 10/],
    ["a name that runs cannot bear", {}, "n".repeat(53), /its name has 53 characters, must be at most 52/],
  ])("is refused with %s", async (_what, change, name, message) => {
    await expect(recordNightly({ ...NIGHTLY, ...change }, name)).rejects.toThrow(message);
  });

  it("goes by UTC where nothing is said", async () => {
    const utc = await recordNightly({ cron: "@daily", deadlineSeconds: 1 });
    expect(at(inputsOf(utc, CRON_JOB, "nightly"), "spec", "timeZone")).toBe("Etc/UTC");
  });
});
