import { afterEach, beforeEach, expect, test } from "vitest";
import { ServiceCluster } from "../../test/servers/service-cluster.ts";
import { blueGreenPlan } from "../plan/canary.ts";
import { blueGreen, endBlueGreen } from "./blue-green.ts";
import { Canaries, type CanaryArgs } from "./canary.ts";
import { CanaryPods, type NewDeployment } from "./canary-pods.ts";
import { endCanaries } from "./end-canaries.ts";
import { PART_LABEL, PARTS, SERVICE_LABEL } from "./place.ts";
import { GREEN_LABELS, Traffic } from "./traffic.ts";

const LABELS = { [SERVICE_LABEL]: "api", [PART_LABEL]: PARTS.own };
const TEMPLATE = { metadata: { labels: LABELS }, spec: { terminationGracePeriodSeconds: 1 } };
const WANTED: NewDeployment = {
  metadata: { name: "api", namespace: "slipway-unit", labels: LABELS },
  spec: { template: TEMPLATE },
};
const PULUMI = ["pulumi-kubernetes-1"];

let cluster: ServiceCluster;
let args: CanaryArgs;
beforeEach(async () => {
  cluster = await new ServiceCluster(LABELS, LABELS).start();
  const { config, namespace } = cluster;
  const pods = await CanaryPods.open({ config, wanted: WANTED, readySeconds: 2, labels: GREEN_LABELS });
  args = { config, namespace, container: "api", pods, plan: blueGreenPlan("1"), others: new Canaries() };
});
afterEach(() => {
  cluster.close();
});

/** What a deploy that was killed behind its switch leaves. */
async function leaveOnGreen(): Promise<void> {
  await args.pods.scale(2);
  await (await traffic()).toGreen();
  cluster.changes.length = 0;
}

const traffic = () => Traffic.open({ config: cluster.config, namespace: cluster.namespace, service: "api" });
const blue = () => cluster.pods.filter(({ name }) => name.startsWith("blue"));

test("all requests go over at one moment, to as many pods, and never to both; and back to the service's own once those have rolled out", async () => {
  await blueGreen(args);
  expect(cluster.changes).toEqual(["makes 2 of api-canary", "selects slipway-green"]);
  expect(cluster.sides).toEqual(["blue", "green"]);
  await endBlueGreen(args);
  expect(cluster.changes.slice(2)).toEqual(["selects slipway", "deletes api-canary"]);
  expect(cluster.sides).toEqual(["blue", "green", "blue"]);
  expect([cluster.empty, cluster.deployments, cluster.managers, cluster.selector]).toEqual([0, [], PULUMI, LABELS]);
});

test("a bad one: everything goes back at once, then its pods go, and those before were not touched", async () => {
  const before = blue();
  cluster.status = ({ name }) => (name.startsWith("green") ? 500 : 200);
  await expect(blueGreen(args)).rejects.toThrow(
    /^The blue-green release was given up: \d+ of \d+ requests to the new release failed \(100\.0 %\), 0 of \d+ to the one before/,
  );
  expect([cluster.changes.at(-1), cluster.deployments]).toEqual(["selects slipway", ["api-canary"]]);
  await endBlueGreen(args);
  expect(cluster.changes.at(-1)).toBe("deletes api-canary");
  expect([cluster.empty, blue(), cluster.managers, cluster.selector]).toEqual([0, before, PULUMI, LABELS]);
});

test("pods that do not become ready get not a request", async () => {
  cluster.becomeReady = false;
  await expect(blueGreen(args)).rejects.toThrow("green-1 is not ready");
  expect([cluster.sides, cluster.changes]).toEqual([["blue"], ["makes 2 of api-canary"]]);
});

test("where nobody asks nothing can be compared, and not a request goes over", async () => {
  cluster.status = () => NaN;
  await expect(blueGreen(args)).rejects.toThrow(
    "given up: 0 requests in 5 s, at least 50 say something. The release before has everything still.",
  );
  expect(cluster.sides).toEqual(["blue"]);
});

test("a Service that takes every pod of its name is told to leave green ones out before there are any", async () => {
  cluster.selector = { [SERVICE_LABEL]: "api" };
  await blueGreen(args);
  expect(cluster.changes[0]).toBe("selects slipway");
  expect(cluster.sides).toEqual(["blue", "green"]);
});

test("what a killed deploy left goes behind the switch back, and the Service never has nobody", async () => {
  await leaveOnGreen();
  expect(await endCanaries(cluster)).toBe(1);
  expect(cluster.changes).toEqual(["selects slipway", "deletes api-canary"]);
  expect([cluster.empty, cluster.managers]).toEqual([0, PULUMI]);
  expect(await endCanaries(cluster)).toBe(0);
});

test("where no pod of the service's own is ready, green ones stay, and the rollout says so", async () => {
  await leaveOnGreen();
  for (const pod of blue()) pod.ready = false;
  expect(await endCanaries(cluster)).toBe(0);
  await expect(endBlueGreen(args)).rejects.toThrow("all requests stay with api-canary");
  expect([cluster.changes, cluster.empty]).toEqual([[], 0]);
});

test("who ends the canary of workers leaves requests where they are", async () => {
  await leaveOnGreen();
  expect(await endCanaries({ config: cluster.config, namespace: cluster.namespace, service: "worker-cpu" })).toBe(0);
  expect(cluster.changes).toEqual([]);
});
