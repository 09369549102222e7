import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { ctr } from "../../toolchain/cluster/images.ts";
import { NODE } from "../../toolchain/cluster/layout.ts";
import { until } from "../servers/programs.ts";
import { ALONE } from "./load.ts";
import type { Product } from "./product.ts";

/** At work for seconds where a worker has so little CPU. */
const TEXT = "This is a long sentence, which goes on and on for quite a while. ".repeat(70);
const JOBS = 8;

/** Pods are sent away by those who may: Kubernetes' own eviction, one pod or all of them. Of several workers one is left. */
export function evictionCases(product: () => Product): void {
  beforeAll(async () => {
    await product().kubectl("scale", "deployment/worker-cpu", "--replicas=2");
    await product().kubectl("rollout", "status", "deployment/worker-cpu", "--timeout=90s");
  });

  const speak = () =>
    Promise.all(
      Array.from({ length: JOBS }, (_, n) =>
        product().post({ text: `Number ${n}. ${TEXT}`, speed: 0.5 }, { kind: "speech" }),
      ),
    );

  /** Asks the API server to evict a pod, as whoever empties a node does: budgets are kept. */
  function evict(pod: string): Promise<string> {
    const eviction = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: pod, namespace: product().namespace },
    };
    return product().cluster.create(`/api/v1/namespaces/${product().namespace}/pods/${pod}/eviction`, eviction);
  }

  /** Pods by the worker that runs in them, which have a job of these at this moment. */
  async function atWork(ids: readonly string[]): Promise<string[]> {
    return product().sql(
      `SELECT DISTINCT split_part(w.name, ':', 1) FROM jobs j JOIN workers w ON w.id = j.worker WHERE j.state = 'active' AND j.id IN (${ids.join(",")})`,
    );
  }

  /** One of those pods, as soon as there is any. */
  async function firstAtWork(ids: readonly string[]): Promise<string> {
    let pods: string[] = [];
    await until("somebody is at work", async () => (pods = await atWork(ids)).length > 0, 60_000);
    return pods[0] ?? "";
  }

  /** Ids of containerd by the pod. */
  async function containersOf(service: string): Promise<Map<string, string>> {
    const line = '{range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID}{"\\n"}{end}';
    const lines = await product().get(`pods --selector=app.kubernetes.io/name=${service}`, line);
    const pairs = lines.split("\n").map((text) => text.split(" containerd://"));
    return new Map(pairs.map(([pod = "", container = ""]) => [pod, container]));
  }

  /** Attempts of jobs by what became of them, and their artifacts. */
  async function ends(ids: readonly string[]) {
    const list = ids.join(",");
    const count = async (sql: string) => Number((await product().sql(sql))[0]);
    return {
      succeeded: await count(`SELECT count(*) FROM attempts WHERE outcome = 'succeeded' AND job_id IN (${list})`),
      begunAgain: await count(`SELECT count(*) FROM jobs WHERE attempt > 1 AND id IN (${list})`),
      failed: await count(`SELECT count(*) FROM jobs WHERE failures > 0 AND id IN (${list})`),
      artifacts: await count(`SELECT count(*) FROM artifacts WHERE job_id IN (${list})`),
    };
  }

  describe("a worker that is evicted in the middle of jobs", () => {
    it("has each of them done once, by another", async () => {
      const ids = await speak();
      const pod = await firstAtWork(ids);
      expect(
        await product().get("pods --selector=app.kubernetes.io/name=worker-cpu", "{.items[*].metadata.name}"),
      ).toContain(pod);
      await evict(pod);
      await product().untilDone(ids);
      const { succeeded, artifacts, failed } = await ends(ids);
      expect({ succeeded, artifacts, failed }).toEqual({ succeeded: JOBS, artifacts: JOBS, failed: 0 });
    });

    it("has them done once as well where it is killed, and they begin again", async () => {
      const containers = await containersOf("worker-cpu");
      const ids = await speak();
      const pod = await firstAtWork(ids);
      // Kubernetes leaves two seconds to one that it deletes by force, in which a job may end.
      await ctr(product().cluster.layout, "tasks", "kill", "--signal=SIGKILL", containers.get(pod) ?? "");
      await product().kubectl("delete", "pod", pod, "--grace-period=0", "--force");
      await product().untilDone(ids);
      const { succeeded, artifacts, failed, begunAgain } = await ends(ids);
      expect({ succeeded, artifacts, failed }).toEqual({ succeeded: JOBS, artifacts: JOBS, failed: 0 });
      expect(begunAgain).toBeGreaterThan(0);
    });
  });

  describe("a node that is emptied", () => {
    /** Empties the node of a service's pods; tells why it did not. */
    const drain = (service: string, seconds: number) =>
      product()
        .cluster.kubectl(
          ...["drain", `node/${NODE}`, `--pod-selector=app.kubernetes.io/name=${service}`, "--delete-emptydir-data"],
          `--timeout=${seconds}s`,
        )
        .then(() => "emptied", String);

    it("keeps an API pod while there is no other node, and answers throughout", async () => {
      const over = performance.now() + 20_000;
      const emptied = drain("api", 20);
      const statuses = new Set<number>();
      try {
        while (performance.now() < over) {
          statuses.add((await product().request("/api/v1/jobs?limit=1", undefined, ALONE)).status);
          await sleep(100);
        }
        expect([...statuses]).toEqual([200]);
        expect(await emptied).toContain("global timeout reached: 20s");
      } finally {
        await product().cluster.kubectl("uncordon", `node/${NODE}`);
      }
    });

    it("lets go of its worker, whose jobs go on where there is room again", async () => {
      // With a second one the budget would keep the last until that is back, which it cannot be.
      await product().kubectl("scale", "deployment/worker-cpu", "--replicas=1");
      const names = () =>
        product().get("pods --selector=app.kubernetes.io/name=worker-cpu", "{.items[*].metadata.name}");
      await until("one is left", async () => (await names()).split(" ").length === 1, 60_000);
      const ids = await speak();
      await firstAtWork(ids);
      try {
        expect(await drain("worker-cpu", 120)).toBe("emptied");
        const running = '{.items[?(@.status.phase=="Running")].metadata.name}';
        expect(await product().get("pods --selector=app.kubernetes.io/name=worker-cpu", running)).toBe("");
      } finally {
        await product().cluster.kubectl("uncordon", `node/${NODE}`);
      }
      await product().untilDone(ids, 180_000);
      const { succeeded, artifacts, failed } = await ends(ids);
      expect({ succeeded, artifacts, failed }).toEqual({ succeeded: JOBS, artifacts: JOBS, failed: 0 });
    });
  });
}
