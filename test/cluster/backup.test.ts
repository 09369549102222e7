import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BackupRecord, EscrowResult, ListResult, RestorePlan } from "../../backup/protocol.ts";
import { EXIT } from "../../backup/protocol.ts";
import type { Generations } from "../../ops/generations.ts";
import type { Restored } from "../../ops/restore-run.ts";
import { until } from "../servers/programs.ts";
import { archived, askAgent, askWhenFree, ended, slipway } from "./backups.ts";
import { added, clusterWide, type Names } from "./cluster-wide.ts";
import { Product } from "./product.ts";

/** Backups of the Postgres in a cluster: made, tried, and restored by `./slipway`, as somebody types it. */
const PASSPHRASE = JSON.stringify("five random words of mine");
const ARTIFACTS = "/var/lib/slipway/objects/artifacts";
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
const artifactOf = async (id = "") => (await product.request(`/api/v1/jobs/${id}/artifact`)).status;
const restoreJobs = () => product.get("jobs --selector=app.kubernetes.io/name=restore", "{.items[*].metadata.name}");
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

  const waiting: string[] = [];
  let moment = "";
  let lost = "";
  let generation = "";
  let there: string[];

  it("tell what a moment would cost, by the command, and change nothing", async () => {
    const worker = "deployment/worker-cpu";
    await product.kubectl("exec", worker, "--", "find", ARTIFACTS, "-type", "f", "-delete");
    expect(await artifactOf(done[0])).not.toBe(200);
    await scaleWorkers(0);
    await until(
      "no worker is there",
      async () =>
        (await product.get("pods --selector=app.kubernetes.io/name=worker-cpu", "{.items[*].metadata.name}")) === "",
      90_000,
    );
    waiting.push(await product.post({ numbers: [7, 8] }), await product.post({ numbers: [9] }));
    [moment = ""] = await product.sql(
      "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
    );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    lost = await product.post({ numbers: [10] });
    await archived(product);
    there = await claims();
    const planned = await slipway<{ plan: RestorePlan }>(product, "restore", "--to", moment);
    expect(planned.result?.plan, planned.output).toMatchObject({ jobsLost: 1, jobsAgain: 0 });
    expect([await claims(), await restoreJobs()]).toEqual([there, ""]);
  });

  it("are left as they were by a restore that is interrupted", async () => {
    const running = product.stack.slipway("restore", "--to", moment, "--yes");
    await running.printed("postgres");
    running.interrupt();
    const { code, output } = await running.ended;
    expect(code, output).toBe(130);
    expect(output).toContain("Nothing was changed: the generation first serves on");
    expect([await claims(), await restoreJobs()]).toEqual([there, ""]);
    expect(await state(lost)).toBe("queued");
  });

  it("come back: the restore is killed when it has switched the file, and the same command goes on from there", async () => {
    const running = product.stack.slipway("restore", "--to", moment, "--yes");
    await running.printed("Stack file");
    running.kill();
    expect((await running.ended).output).toMatch(/smoke job[^]*artifacts[^]*Stack file/);
    expect(await state(lost)).toBe("queued");
    // What serves until the switch does all of it; what takes over does again what was not done at the moment.
    await scaleWorkers(1);
    await product.untilDone([...waiting, lost]);
    const { code, output, result } = await slipway<Restored>(product, "restore", "--to", moment, "--yes");
    expect(code, output).toBe(0);
    expect(output).toContain("had not come to its end; this run brings it there");
    generation = result?.generation ?? "";
    expect(result).toMatchObject({
      before: "first",
      volumeBefore: "data-postgres-0",
      volume: `postgres-${generation}`,
    });
  });

  it("have what was done, do what was not, have lost what came later, and find the artifacts that were gone", async () => {
    await product.answers();
    for (const id of done) expect(await state(id), id).toBe("succeeded");
    expect((await product.request(`/api/v1/jobs/${lost}`)).status).toBe(404);
    expect(await artifactOf(done[0])).toBe(200);
    // Redis stands on a claim that nobody filled: it is filled from Postgres.
    await product.untilDone(waiting);
    const made = [`postgres-${generation}`, `redis-${generation}`];
    expect(await claims()).toEqual([...there, ...made].sort());
    expect(await restoreJobs()).toBe("");
    // What came back is the worker's, as what it wrote itself.
    const find = ["find", ARTIFACTS, "-type", "f", "-printf", "%u:%g:%m\\n"];
    const printed = await product.kubectl("exec", "deployment/worker-cpu", "--", ...find);
    expect(new Set(printed.trim().split("\n"))).toEqual(new Set(["slipway:10010:640"]));
    await product.stack.good("preview", "--expect-no-changes");
  });

  it("go on with what serves now, by the same agent and key", async () => {
    const made = await askWhenFree<BackupRecord>(product, "backup");
    expect(made.code, made.output).toBe(EXIT.good);
    const { code, output } = await askWhenFree(product, "verify");
    expect(code, output).toBe(EXIT.good);
  });

  it("keep what served before: back to it, and what had come after the moment is there again", async () => {
    const back = await slipway<Generations>(product, "restore", "--back", "--yes");
    expect(back.result, back.output).toMatchObject({ generation: "first", kept: [generation] });
    await product.answers();
    await product.untilDone([...waiting, lost]);
  });

  it("note what runs at that moment, though Postgres' pod is the same; and what was restored is forgotten", async () => {
    const uid = () => product.get("pod postgres-0", "{.metadata.uid}");
    const old = await uid();
    await product.configure({ "api.queueMaxPending": "1000000" });
    const forgotten = await slipway<Generations>(product, "restore", "--forget", generation, "--yes");
    expect(forgotten.result, forgotten.output).toMatchObject({ current: "first", kept: [] });
    expect(await claims()).toEqual(there);
    const note = () =>
      product.kubectl("exec", "postgres-0", "--container=backup", "--", "cat", "/etc/slipway-release/release.json");
    await until("the note has come", async () => (await note()).includes('"queueMaxPending":1000000'), 150_000);
    expect(await uid()).toBe(old);
  });

  it("lose the first generation when it is told to be forgotten: its claims are the StatefulSets' own, and are made anew", async () => {
    const restored = await slipway<Restored>(product, "restore", "--to", "latest", "--yes");
    expect(restored.code, restored.output).toBe(0);
    const uids = () =>
      Promise.all(["postgres", "redis"].map((name) => product.get(`pvc data-${name}-0`, "{.metadata.uid}")));
    const before = await uids();
    const forgotten = await slipway<Generations>(product, "restore", "--forget", "first", "--yes");
    const current = restored.result?.generation;
    expect(forgotten.result, forgotten.output).toMatchObject({ current, kept: [] });
    expect((await uids()).filter((uid) => before.includes(uid))).toEqual([]);
    await product.answers();
    await product.untilDone([await product.post({ numbers: [1] }), ...waiting]);
  });
});

it("leaves nothing when it is destroyed: claims and backups go with the namespace, where nothing is protected", async () => {
  await product.stack.good("destroy", "--yes", "--skip-preview");
  let left: string[] = [];
  const isClean = async () => (left = added(before, await clusterWide(product.cluster))).length === 0;
  await until("nothing is left", isClean, 60_000).catch(() => undefined);
  expect(left).toEqual([]);
});
