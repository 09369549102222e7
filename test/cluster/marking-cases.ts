import { describe, expect, it } from "vitest";
import { BUSY_COST, CALM_MS } from "../../worker/marker/marks.ts";
import { COST_ANNOTATION, EVICTION_ANNOTATION } from "../../worker/marker/cluster-api.ts";
import { until } from "../servers/programs.ts";
import type { Product } from "./product.ts";

/** Some ten minutes of speech. A worker does one at a time here, and has so little CPU that it is at work for seconds. */
const LONG_TEXT = "This is a long sentence, which goes on and on for quite a while. ".repeat(70);
const JOBS = 12;
/** As many as the stack has. */
const WORKERS = 3;

/** Who works is marked, and the one that scale-down leaves is the one that works; one is left. */
export function markingCases(product: () => Product): void {
  const speak = () => product().post({ text: LONG_TEXT, speed: 0.5 }, { kind: "speech" });

  interface Pod {
    readonly metadata: {
      readonly name: string;
      readonly annotations?: Readonly<Record<string, string>>;
      readonly deletionTimestamp?: string;
    };
  }

  /** Pods of the worker that are not on their way out. */
  async function workers(): Promise<readonly Pod[]> {
    const text = await product().kubectl(
      "get",
      "pods",
      "--selector=app.kubernetes.io/name=worker-cpu",
      "--output=json",
    );
    return (JSON.parse(text) as { items: Pod[] }).items.filter(({ metadata }) => !metadata.deletionTimestamp);
  }

  /** Pods with a mark: scale-down takes them last, the cluster autoscaler not at all. */
  async function marked(): Promise<string[]> {
    const pods = await workers();
    return pods.flatMap(({ metadata: { name, annotations } }) => {
      const mark = [annotations?.[COST_ANNOTATION], annotations?.[EVICTION_ANNOTATION]];
      if (mark.every((part) => part === undefined)) return [];
      expect(mark, name).toEqual([BUSY_COST, "false"]);
      return [name];
    });
  }

  /**
   * What the API answers when the marker's own token asks for a change of a pod. Lists are merged by name: a patch that drops the rest of a container is
   * no pod any more, and is refused for that before the policy is asked.
   */
  async function changeAsMarker(pod: string, patch: object): Promise<string> {
    const program = `
    const fs = require("node:fs"), dir = process.env.CLUSTER_ACCESS_DIR, read = (name) => fs.readFileSync(dir + "/" + name, "utf8").trim();
    const request = require("node:https").request({
      host: process.env.KUBERNETES_SERVICE_HOST, port: process.env.KUBERNETES_SERVICE_PORT, ca: read("ca.crt"), method: "PATCH",
      path: "/api/v1/namespaces/" + read("namespace") + "/pods/${pod}",
      headers: { authorization: "Bearer " + read("token"), "content-type": "application/strategic-merge-patch+json" },
    }, (response) => { process.stdout.write(response.statusCode + " "); response.pipe(process.stdout); });
    request.end(${JSON.stringify(JSON.stringify(patch))});`;
    return product().kubectl("exec", "deployment/marker", "--", "/usr/local/bin/node", "--eval", program);
  }

  describe("busy workers", () => {
    it("are marked while they work, and not any more when they have had nothing to do for a while", async () => {
      expect(await marked()).toEqual([]);
      const ids = await Promise.all(Array.from({ length: JOBS }, speak));
      await until("all are marked", async () => (await marked()).length === WORKERS, 60_000);
      await product().untilDone(ids, 240_000);
      await until("nobody is marked", async () => (await marked()).length === 0, CALM_MS + 30_000);
    });

    it("are left when others are taken away", async () => {
      await until("there are several workers", async () => (await workers()).length === WORKERS, 60_000);
      const id = await speak();
      let busy: string[] = [];
      await until("one is marked", async () => (busy = await marked()).length === 1, 60_000);
      await product().kubectl("scale", "deployment/worker-cpu", "--replicas=1");
      await until("one is left", async () => (await workers()).length === 1, 60_000);
      expect((await workers()).map(({ metadata }) => metadata.name)).toEqual(busy);
      await product().untilDone([id]);
      expect(await product().job(id)).toMatchObject({ attempt: 1 });
    });
  });

  describe("the marker's token", () => {
    it.each([
      ["another image", { spec: { containers: [{ name: "worker-cpu", image: "registry.example.org/other" }] } }],
      ["another label", { metadata: { labels: { "app.kubernetes.io/name": "api" } } }],
      ["another annotation", { metadata: { annotations: { "example.org/other": "x" } } }],
      ["no owner", { metadata: { ownerReferences: null } }],
      ["a pod to be given up", { metadata: { annotations: { [EVICTION_ANNOTATION]: "true" } } }],
    ])("is refused where it asks for %s", async (_what, patch) => {
      const [pod] = await workers();
      const answer = await changeAsMarker(pod?.metadata.name ?? "", patch);
      expect(answer).toMatch(/^4\d\d /);
      expect(answer).toContain("the marker may change");
    });

    it("may give a pod a cost", async () => {
      const [pod] = await workers();
      const patch = { metadata: { annotations: { [COST_ANNOTATION]: "7" } } };
      expect(await changeAsMarker(pod?.metadata.name ?? "", patch)).toMatch(/^200 /);
    });

    it("opens nothing else", async () => {
      const account = `--as=system:serviceaccount:${product().namespace}:marker`;
      const may = (verb: string, what: string) =>
        product()
          .kubectl("auth", "can-i", verb, what, account)
          .then(
            (said) => said.trim(),
            (error: unknown) => (/\bno\b/.test(String(error)) ? "no" : String(error)),
          );
      expect(await may("list", "pods")).toBe("yes");
      for (const [verb, what] of [
        ["get", "secrets"],
        ["delete", "pods"],
        ["create", "pods"],
        ["create", "pods/exec"],
        ["patch", "deployments.apps"],
      ] as const)
        expect([verb, what, await may(verb, what)]).toEqual([verb, what, "no"]);
    });
  });
}
