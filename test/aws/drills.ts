import type { Client } from "pg";
import { drillOnAws, lossesOnAws } from "../../ops/aws-drill.ts";
import type { ClusterPlace } from "../../toolchain/platforms/pod-exec.ts";
import { AgentSteps } from "../../ops/agent-steps.ts";
import { DRILL } from "../../infra/services.ts";
import { loadKubeConfig } from "../../toolchain/kube-config.ts";
import { Steps } from "../../toolchain/steps.ts";
import { until } from "../servers/programs.ts";
import { askAws } from "./pod-identity-agent.ts";
import { NAMESPACE, REGION, type World } from "./world.ts";

/** What `slipway drill` and `slipway restore` work by, on the cluster of a test. */
export function drillsOf(world: World) {
  const cluster: ClusterPlace = {
    config: loadKubeConfig({ path: world.cluster.layout.kubeconfig }),
    namespace: NAMESPACE,
  };
  const shown = () => new AgentSteps(new Steps(), 0);
  return {
    drill: () => drillOnAws(cluster, shown()),
    losses: (moment: Date) => lossesOnAws(cluster, moment, shown()),
    kill: () => kill(world),
  };
}

/** In the pod itself: SIGKILL for its program, by the id that it has there, and not for the one that looks for it. */
const KILL = `
import { readdirSync, readFileSync } from "node:fs";
const commandOf = (id) => { try { return readFileSync("/proc/" + id + "/cmdline", "utf8"); } catch { return ""; } };
for (const id of readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)))
  if (Number(id) !== process.pid && commandOf(id).includes("/app/drill.mjs")) process.kill(Number(id), "SIGKILL");
`;

async function kill({ cluster }: World): Promise<void> {
  const running = ["--selector", `app.kubernetes.io/name=${DRILL}`, "--field-selector", "status.phase=Running"];
  const pod = await cluster.kubectl("get", "pods", "--namespace", NAMESPACE, ...running, "--output=name");
  const node = ["/usr/local/bin/node", "--input-type=module", "-e", KILL];
  await cluster.kubectl("exec", "--namespace", NAMESPACE, pod.trim(), "--", ...node);
}

/**
 * Drills while a table of the restored database cannot be read, so that the drill stands still where its instance is there.
 *
 * @param there   whether the instance is there
 * @param meanwhile what is done then
 * @returns what became of the drill
 */
export async function drillHeld(
  world: World,
  there: () => Promise<boolean>,
  meanwhile: () => Promise<void>,
): Promise<string> {
  const client: Client = await world.data.connect();
  try {
    // One Postgres stands for both instances, and no program of a stack on AWS reads this one but a drill.
    await client.query("BEGIN; LOCK TABLE backups IN ACCESS EXCLUSIVE MODE");
    const ended = drillsOf(world)
      .drill()
      .then(
        () => "it went well",
        (error: unknown) => String(error),
      );
    await until("the instance is there", there, 120_000);
    await meanwhile();
    return await ended;
  } finally {
    await client.end();
  }
}

/** Instances of RDS, by name. */
export async function instancesOf({ aws }: World): Promise<string[]> {
  const form = new URLSearchParams({ Action: "DescribeDBInstances", Version: "2014-10-31" });
  const told = await (await askAws(aws.front, REGION, "rds", "/", form.toString())).text();
  return [...told.matchAll(/<DBInstanceIdentifier>(slipway-[\w-]+)</g)].map(([, name]) => name ?? "");
}

/** In the database that stands for all of them. */
export async function inDatabase({ data }: World, sql: string): Promise<Record<string, unknown>[]> {
  const client = await data.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
