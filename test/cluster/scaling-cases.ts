import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import type { Drift } from "../../ops/drift.ts";
import { until } from "../servers/programs.ts";
import type { Product, Settings } from "./product.ts";

/** KEDA looks this often at the job table. */
const POLLING_SECONDS = 2;
const COOLDOWN_SECONDS = 5;
const MOST_WORKERS = 3;
/** One of these is at work for seconds: a worker does one at a time here. */
const LONG_TEXT = "This is a long sentence, which goes on and on for quite a while. ".repeat(70);

/** All that a team's cluster may have: an ingress, and somebody who scrapes. A worker does one job at a time. */
const SCALED: Settings = {
  "kubernetes.autoscaler": "keda",
  "kubernetes.keda.pollingSeconds": String(POLLING_SECONDS),
  "kubernetes.keda.cooldownSeconds": String(COOLDOWN_SECONDS),
  "kubernetes.workers.maxReplicas": String(MOST_WORKERS),
  "kubernetes.api.minReplicas": "1",
  "worker.concurrency": "1",
  "worker.cpus": "1",
  "kubernetes.ingress.host": "api.example.org",
  "kubernetes.metrics.namespace": "monitoring",
};

/** KEDA says how many workers there are, and an HPA how many pods the API has, on a stack that had neither. */
export function scalingCases(product: () => Product): void {
  beforeAll(async () => {
    await product().configure(SCALED);
    await product().up();
    await product().answers();
  });

  /** Pods of the CPU worker that there shall be. */
  async function wanted(): Promise<number> {
    return Number(
      await product().get("deployment --selector=app.kubernetes.io/name=worker-cpu", "{.items[0].spec.replicas}"),
    );
  }

  /** Its pods that there are, those that are on their way out included. */
  async function workers(): Promise<number> {
    const names = await product().get("pods --selector=app.kubernetes.io/name=worker-cpu", "{.items[*].metadata.name}");
    return names.split(" ").filter((name) => name !== "").length;
  }

  const condition = (type: string) =>
    product().get("scaledobject worker-cpu", `{.status.conditions[?(@.type=="${type}")].status}`);

  async function untilNone(): Promise<void> {
    await until("the last worker is gone", async () => (await wanted()) === 0 && (await workers()) === 0, 120_000);
  }

  describe("workers under KEDA", () => {
    it("go, every one of them, where there is no job", async () => {
      await untilNone();
      expect([await condition("Ready"), await condition("Active")]).toEqual(["True", "False"]);
    });

    it("are no drift, however many there are, nor is what KEDA makes for them", async () => {
      const drift = await product().stack.asked<Drift>("drift");
      expect(drift, drift.text).toMatchObject({ code: 0, result: { changes: [], unmanaged: [] } });
    });

    it("come for a job, do it, and go again", async () => {
      const id = await product().post({ numbers: [1, 2] });
      await product().untilDone([id], 90_000);
      await untilNone();
    });

    it("are not kept by jobs that are due later, and come when these are", async () => {
      const later = await product().post({ numbers: [1] }, { delaySeconds: 3600 });
      const soon = await product().post({ numbers: [2] }, { delaySeconds: 15 * POLLING_SECONDS });
      await sleep(4 * POLLING_SECONDS * 1000);
      expect([await wanted(), await product().isDone(soon)]).toEqual([0, false]);
      await product().untilDone([soon], 90_000);
      await untilNone();
      expect(await product().isDone(later)).toBe(false);
    });

    it("become more for a burst, as many as it takes at most", async () => {
      const ids = await Promise.all(
        Array.from({ length: 60 }, () => product().post({ text: LONG_TEXT }, { kind: "speech" })),
      );
      let most = 0;
      await until(
        "there are as many as may be",
        async () => (most = Math.max(most, await workers())) >= MOST_WORKERS,
        120_000,
      );
      expect(await wanted()).toBe(MOST_WORKERS);
      await product().untilDone(ids, 240_000);
      await untilNone();
    });
  });

  it("has objects for the public and for who scrapes that the API server takes", async () => {
    expect(await product().get("ingress api", "{.spec.tls[0].hosts[0]}")).toBe("api.example.org");
    const policies = (await product().get("networkpolicies", "{.items[*].metadata.name}")).split(" ");
    expect(policies).toEqual(expect.arrayContaining(["ingress-to-api", "scrapers-to-services"]));
  });

  it("gives the API's autoscaler a figure of its CPU", async () => {
    const active = () => product().get("hpa api", '{.status.conditions[?(@.type=="ScalingActive")].status}');
    await until("the autoscaler has figures", async () => (await active()) === "True", 90_000);
    expect(await product().get("hpa api", "{.status.currentMetrics[0].resource.current.averageValue}")).toMatch(
      /^\d+[mn]?$/,
    );
  });

  it("go on once KEDA can read the job table again, which Postgres closed in good order", async () => {
    const scale = (replicas: number) => product().kubectl("scale", "statefulset/postgres", `--replicas=${replicas}`);
    await scale(0);
    const isGone = async () => (await product().get("pods postgres-0 --ignore-not-found", "{.status.phase}")) === "";
    await until("Postgres is gone, before it would be killed", isGone, 55_000);
    await sleep(5 * POLLING_SECONDS * 1000);
    await scale(1);
    await product().answers();
    expect(await product().kubectl("logs", "postgres-0")).not.toMatch(/not properly shut down/);
    // Of the API's connections one after another finds out that the old server is gone.
    let id = "";
    const isTaken = async () =>
      (id = await product()
        .post({ numbers: [1] })
        .catch(() => "")) !== "";
    await until("a job is taken", isTaken, 90_000);
    await until(
      "the job is done",
      () =>
        product()
          .isDone(id)
          .catch(() => false),
      90_000,
    );
    await untilNone();
  });
}
