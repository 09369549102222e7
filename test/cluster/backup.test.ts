import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BackupRecord, EscrowResult, ListResult } from "../../backup/protocol.ts";
import { EXIT } from "../../backup/protocol.ts";
import { until } from "../servers/programs.ts";
import { archived, askAgent, askWhenFree, beginRestore, ended } from "./backups.ts";
import { added, clusterWide, type Names } from "./cluster-wide.ts";
import { Product } from "./product.ts";

/** Backups of the Postgres in a cluster: made, tried, restored beside, and switched to by `pulumi up`. */
const PASSPHRASE = JSON.stringify("five random words of mine");
const GENERATION = "restored";
let product: Product;
let before: Names;

beforeAll(async () => {
  product = await Product.prepare({ "kubernetes.namespace": "slipway-backups" });
  before = await clusterWide(product.cluster);
  await product.up();
  await product.reach();
});
afterAll(async () => {
  await product.leave();
});

const claims = async () => (await product.get("persistentvolumeclaims", "{.items[*].metadata.name}")).split(" ").sort();
const state = async (id: string) => (await product.job(id)).state;
const scaleWorkers = (to: number) => product.kubectl("scale", "deployment/worker-cpu", `--replicas=${to}`);
const metrics = () =>
  product.kubectl(
    ...(["exec", "postgres-0", "--container=backup", "--", "/usr/local/bin/node", "-e"] as const),
    "fetch('http://127.0.0.1:8000/metrics').then((answer) => answer.text()).then(console.log)",
  );

describe("backups in a cluster", () => {
  const done: string[] = [];

  it("begin by themselves with a full one, of Postgres, Redis and artifacts, and WAL is archived", async () => {
    done.push(
      await product.post({ text: "Hello from a pod." }, { kind: "speech" }),
      await product.post({ numbers: [1] }),
    );
    await product.untilDone(done);
    const first = async () => (await askAgent<ListResult>(product, ["list"])).result?.backups[0];
    await until("the first backup is made", async () => (await first()) !== undefined, 180_000);
    const made = await askWhenFree<BackupRecord>(product, "backup");
    expect(made.result, made.output).toMatchObject({ type: "incr", jobs: 2, artifacts: { count: 1 } });
    expect(await first()).toMatchObject({ type: "full", repositories: ["local"] });
    await archived(product);
  });

  it("are good once the key is kept elsewhere, and not before", async () => {
    expect((await askWhenFree(product, "verify")).code).toBe(EXIT.notGood);
    const say = (step: string, more = "") =>
      askAgent<EscrowResult>(product, ["escrow", step], `{"passphrase": ${PASSPHRASE}${more}}`);
    const { result } = await say("export");
    const verified = await say("verify", `, "sealed": ${JSON.stringify(result?.sealed)}`);
    expect(verified.result, verified.output).toMatchObject({ isVerified: true });
    const { code, output } = await askWhenFree(product, "verify");
    expect(code, output).toBe(EXIT.good);
  });

  it("note what runs at that moment, though Postgres' pod is the same", async () => {
    const uid = () => product.get("pod postgres-0", "{.metadata.uid}");
    const old = await uid();
    await product.configure({ "api.queueMaxPending": "1000000" });
    await product.up();
    const note = () =>
      product.kubectl("exec", "postgres-0", "--container=backup", "--", "cat", "/etc/slipway-release/release.json");
    await until("the note has come", async () => (await note()).includes('"queueMaxPending":1000000'), 150_000);
    expect(await uid()).toBe(old);
  });

  it("are tried by the CronJob: in a pod of its own, with times in Postgres and in the agent's metrics", async () => {
    await product.kubectl("create", "job", "drill-now", "--from=cronjob/drill");
    const { isGood, log } = await ended(product, "drill-now");
    expect(isGood, log).toBe(true);
    const [row = ""] = await product.sql("SELECT outcome, rto_seconds > 0, rpo_seconds < 60, faults FROM drills");
    expect(row).toBe("succeeded|t|t|{}");
    await until(
      "the agent tells it",
      async () => (await metrics()).includes("slipway_backup_drill_rto_seconds "),
      60_000,
    );
  });

  it("run under restricted, and an agent that fails keeps nobody from Postgres", async () => {
    const label = "{.metadata.labels.pod-security\\.kubernetes\\.io/enforce}";
    expect(await product.cluster.kubectl("get", "namespace", product.namespace, `--output=jsonpath=${label}`)).toBe(
      "restricted",
    );
    const restarts = () =>
      product.get("pod postgres-0", "{.status.containerStatuses[?(@.name=='backup')].restartCount}");
    await product.kubectl(
      "exec",
      "postgres-0",
      "--container=backup",
      "--",
      "/usr/local/bin/node",
      "-e",
      "process.kill(1, 'SIGTERM')",
    );
    const ids: string[] = [];
    await until(
      "the agent is started anew",
      async () => {
        ids.push(await product.post({ numbers: [2] }));
        return (await restarts()) === "1";
      },
      60_000,
    );
    await product.untilDone(ids);
    expect(await product.get("pod postgres-0", "{.status.containerStatuses[?(@.name=='postgres')].restartCount}")).toBe(
      "0",
    );
    done.push(...ids);
  });

  it("bring a moment back on a new claim, while the stack serves", async () => {
    await scaleWorkers(0);
    await until(
      "no worker is there",
      async () =>
        (await product.get("pods --selector=app.kubernetes.io/name=worker-cpu", "{.items[*].metadata.name}")) === "",
    );
    waiting.push(await product.post({ numbers: [7, 8] }), await product.post({ numbers: [9] }));
    const [moment = ""] = await product.sql(
      "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
    );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    lost.push(await product.post({ numbers: [10] }));
    await archived(product);
    const { isGood, log } = await ended(product, await beginRestore(product, GENERATION, moment));
    expect(isGood, log).toBe(true);
    expect(log).toContain('"event":"result"');
    expect(await state(lost[0] ?? "")).toBe("queued");
  });
  const waiting: string[] = [];
  const lost: string[] = [];

  it("take over by a line in the stack's file: what was done is there, what was not is done, what came later is gone", async () => {
    const there = await claims();
    expect(there).toContain(`postgres-${GENERATION}`);
    await product.configure({ "data.generation": GENERATION, "data.kept[0]": "first" });
    await product.up();
    await product.answers();
    for (const id of done) expect(await state(id), id).toBe("succeeded");
    expect((await product.request(`/api/v1/jobs/${lost[0] ?? ""}`)).status).toBe(404);
    await scaleWorkers(1);
    await product.untilDone(waiting);
    expect((await claims()).filter((name) => !there.includes(name))).toEqual([`redis-${GENERATION}`]);
    expect(await claims()).toEqual(expect.arrayContaining(there));
    await product.stack.good("preview", "--expect-no-changes");
  });

  it("go on with what serves now, by the same agent and key", async () => {
    const made = await askWhenFree<BackupRecord>(product, "backup");
    expect(made.code, made.output).toBe(EXIT.good);
    const { code, output } = await askWhenFree(product, "verify");
    expect(code, output).toBe(EXIT.good);
  });

  it("keep what served before: back to it by the same line, and what had come after the moment is there again", async () => {
    await product.configure({ "data.generation": "first", "data.kept[0]": GENERATION });
    await product.up();
    await product.answers();
    expect(await claims()).toEqual(expect.arrayContaining([`postgres-${GENERATION}`, `redis-${GENERATION}`]));
    await product.untilDone([...waiting, ...lost]);
  });
});

it("leaves nothing when it is destroyed: claims and backups go with the namespace, where nothing is protected", async () => {
  await product.stack.good("destroy", "--yes", "--skip-preview");
  let left: string[] = [];
  const isClean = async () => (left = added(before, await clusterWide(product.cluster))).length === 0;
  await until("nothing is left", isClean, 60_000).catch(() => undefined);
  expect(left).toEqual([]);
});
