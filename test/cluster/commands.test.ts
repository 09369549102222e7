import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CapacitySaid } from "../../ops/capacity-text.ts";
import type { ResourceChange } from "../../ops/changes.ts";
import type { Destroyed } from "../../ops/commands/destroy.ts";
import type { Status } from "../../ops/commands/status.ts";
import type { DestroyPlan } from "../../ops/destroying.ts";
import type { Finding } from "../../ops/health/finding.ts";
import { apiChecks } from "../../ops/rotation-api-logins.ts";
import { connect, DEFAULT_HOST } from "../../toolchain/engine.ts";
import { loadKubeConfig } from "../../toolchain/kube-config.ts";
import { until } from "../servers/programs.ts";
import { deployCases } from "./deploy-cases.ts";
import { TypedStack } from "./typed-stack.ts";

/** What a rotation came to. */
interface Rotated {
  readonly slots: unknown;
  readonly seen: readonly string[];
}

/** Each rotation is three deploys: without `make rotate-long` the database alone is rotated here, and all on an engine (test/e2e/rotation.test.ts). */
const LONG = process.env["ROTATE_LONG"] === "1" ? [[]] : [];

let stack: TypedStack;
beforeAll(async () => {
  stack = await TypedStack.prepare();
});
afterAll(() => stack.leave());

describe("make with a stack in a cluster", () => {
  it("brings it up, and lets it speak", async () => {
    const output = await stack.made("up");
    expect(output).toMatch(/Speech {2}dist\/hello\.wav, \d+ s, peak -\d/);
    expect(output).toContain(`API     http://api.${stack.namespace}.svc:8000`);
    expect(output).toContain("make forward STACK=cluster");
    expect(output).toMatch(/✓ Truth .* serves; \d+ copies of \d+ services as asked for/);
    // The API's own pod was asked to write it down.
    expect(output).not.toContain("was not told");
    expect(existsSync(join(stack.checkout.folder, "dist/hello.wav"))).toBe(true);
  });

  it("leaves no image of it with the Docker engine", async () => {
    const images = await connect(DEFAULT_HOST).listImages();
    const names = images.flatMap(({ RepoTags }) => RepoTags ?? []);
    expect(names.filter((name) => /^slipway\/(api|worker|postgres|redis):/.test(name))).toEqual([]);
  });

  it("changes nothing the second time", async () => {
    const output = await stack.made("up");
    expect(output).toMatch(/✓ Deploy .* \d+ unchanged$/m);
  });

  it("asks every route of it", async () => {
    const output = await stack.made("smoke", "JSON=1");
    const { results } = JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as {
      results: { route: string; ok: boolean }[];
    };
    expect(results.length).toBeGreaterThan(7);
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
  });

  it("is looked at: what runs, how it is, what it wrote", async () => {
    const status = await stack.slipway("status", "--json").ended;
    expect(status.code, status.output).toBe(0);
    const { services } = (JSON.parse(status.stdout) as { result: Status }).result;
    const ready = Object.fromEntries(services.map((one) => [one.service, `${one.ready}/${one.wanted}`]));
    expect(ready).toMatchObject({ api: "2/2", postgres: "1/1", redis: "1/1", backup: "1/1", "worker-cpu": "1/1" });
    const health = await stack.slipway("health", "--json").ended;
    const { findings } = (JSON.parse(health.stdout) as { result: { findings: Finding[] } }).result;
    const stateOf = (state: string) => findings.filter((one) => one.state === state).map(({ name }) => name);
    // A busy machine with a full disk would say more, and a key that nobody keeps is a warning.
    expect(stateOf("good"), health.output).toEqual(
      expect.arrayContaining(["containers", "routes", "network", "database", "queues", "speech", "certificates"]),
    );
    expect(stateOf("unknown"), health.output).toEqual([]);
    const log = await stack.slipway("logs", "worker-cpu", "--since", "1h").ended;
    expect(log.stdout, log.output).toMatch(/worker-cpu-\S+ +info +job succeeded jobId=\d+ kind=sum/);
    const check = await stack.slipway("check", "--post").ended;
    expect(check.code, check.output).toBe(0);
  });

  it("lets it answer on this machine until it is told to end", async () => {
    const script = ["toolchain/start.sh", "commands/forward.ts", "--stack", "cluster", "--port", "18083"];
    const child = spawn("sh", script, {
      cwd: stack.checkout.folder,
      env: stack.env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    expect(url).toBe("http://127.0.0.1:18083");
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/health/ready`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    child.kill("SIGTERM");
    await until("it is closed", async () => (await fetch(`${url}/`).catch(() => undefined)) === undefined);
  });

  describe("slipway rotate, under load", () => {
    async function rotate(...words: string[]): Promise<Rotated> {
      const { code, result, text } = await stack.asked<Rotated>("rotate", ...words, "--yes");
      expect(code, text).toBe(0);
      return result;
    }

    /** What the API comes to Postgres with. */
    async function login(): Promise<{ user: string; password: string }> {
      const pod = await stack.get(
        ["deployment", "api"],
        "{.spec.template.spec.containers[0].envFrom[0].configMapRef.name}",
      );
      const secret = await stack.get(
        ["deployment", "api"],
        "{.spec.template.spec.volumes[?(@.name=='secrets')].secret.secretName}",
      );
      const password = await stack.get(["secret", secret], "{.data.database-password}");
      return {
        user: await stack.get(["configmap", pod], "{.data.DATABASE_USER}"),
        password: Buffer.from(password, "base64").toString(),
      };
    }

    async function takes({ user, password }: { user: string; password: string }): Promise<boolean> {
      const psql = ["psql", "-w", "-h", "127.0.0.1", "-U", user, "-d", "slipway", "-Atc", "SELECT 1"];
      const exec = ["exec", `--namespace=${stack.namespace}`, "postgres-0", "--container=postgres", "--"];
      const said = stack.cluster.kubectl(...exec, "env", `PGPASSWORD=${password}`, ...psql);
      return (await said.catch(() => "refused")).trim() === "1";
    }

    it("says first what it would do, and changes nothing", async () => {
      const { code, stdout } = await stack.slipway("rotate", "database").ended;
      expect(code).toBe(0);
      expect(stdout).toContain("./slipway rotate database --yes --stack cluster");
    });

    it("moves services to another role of Postgres, killed in the middle and run again, and the old one is refused", async () => {
      const old = await login();
      await stack.begin();
      const killed = stack.slipway("rotate", "database", "--yes");
      await killed.printed("✓ Stack file", 2);
      await killed.printed("✓ Bundles", 2);
      killed.kill();
      expect((await killed.ended).code).toBe(137);
      expect(await takes(old)).toBe(true);
      const { slots, seen } = await rotate("database");
      expect(slots).toEqual({ slot: "second", other: "off" });
      expect(seen.slice(-3)).toEqual(["first is used by nobody", "second is accepted", "first is refused"]);
      await stack.nothingWasLost();
      expect([await takes(old), await takes(await login())]).toEqual([false, true]);
    });

    it("asks the same from a pod of the API, as it does where servers are not the stack's own", async () => {
      const { user, password } = await login();
      const { namespace, cluster } = stack;
      const place = {
        cluster: async () => ({ config: loadKubeConfig({ path: cluster.layout.kubeconfig }), namespace }),
        secret: async () => password,
      };
      const checks = apiChecks("database", "external", place);
      const { users } = checks;
      expect(user).toBe("slipway_app_second");
      // The owner has another password.
      expect([await checks.taken("first"), await checks.taken("second")]).toEqual(["refused", "mixed"]);
      if (typeof users === "string") throw new Error(users);
      expect(await users("first")).toEqual([]);
      expect((await users("second")).join()).toContain("slipway_app_second (slipway-api/");
      expect(await apiChecks("redis", "external", place).taken("first")).toBe("refused");
    });

    it.each(LONG)("moves them to another user of Redis", async () => {
      await stack.begin();
      const { slots, seen } = await rotate("redis");
      expect(slots).toEqual({ slot: "second", other: "off" });
      expect(seen.slice(-3)).toEqual(["first is used by nobody", "second is accepted", "first is refused"]);
      await stack.nothingWasLost();
    });

    it.each(LONG)("makes another key for tokens, and refuses those of before when it is told to", async () => {
      await stack.begin();
      expect((await rotate("jwt")).slots).toEqual({ slot: "second", other: "last" });
      await stack.nothingWasLost();
      expect((await rotate("jwt", "--off")).seen.slice(-1)).toEqual(["first is refused"]);
      // A pod that is on its way out may answer some seconds longer.
      await until("the token is refused", async () => (await stack.request("/api/v1/jobs?limit=1")).status === 401);
    });

    it.each(LONG)("goes back to the role that served before", async () => {
      const left = await login();
      await stack.begin();
      const { slots, seen } = await rotate("database", "--back");
      expect(slots).toEqual({ slot: "first", other: "off" });
      expect(seen.slice(-3)).toEqual(["second is used by nobody", "first is accepted", "second is refused"]);
      await stack.nothingWasLost();
      expect([await takes(left), await takes(await login())]).toEqual([false, true]);
    });
  });

  deployCases(() => stack);

  it("is measured, and what was taken from it by hand is written into its state: capacity, cost, refresh", async () => {
    const { result: capacity, text } = await stack.asked<CapacitySaid>("capacity", "--since", "1h");
    expect(capacity.load.find(({ kind }) => kind === "sum")?.jobsPerSecond, text).toBeGreaterThan(0);
    expect(capacity.workers[0]).toMatchObject({ name: "worker-cpu" });
    const cost = await stack.asked("cost", "--measured");
    expect(cost, cost.text).toMatchObject({ code: 0, result: { lines: [] } });
    const [policy = ""] = (await stack.get(["networkpolicies"], "{.items[*].metadata.name}")).split(" ");
    await stack.cluster.kubectl("delete", "networkpolicy", policy, `--namespace=${stack.namespace}`);
    const refresh = (...words: string[]) => stack.asked<{ changes: readonly ResourceChange[] }>("refresh", ...words);
    const looked = await refresh();
    expect(looked.code, looked.text).toBe(0);
    expect(looked.result.changes).toEqual([expect.objectContaining({ op: "delete", name: policy })]);
    expect((await refresh("--yes")).code).toBe(0);
    expect((await refresh()).result.changes).toEqual([]);
  });

  it("refuses what has no meaning there, and does nothing", async () => {
    const { code, output } = await stack.make("down", "KEEP_DATA=1");
    expect(code).not.toBe(0);
    expect(output).toContain("KEEP_DATA and FORCE do nothing");
    expect(await stack.cluster.kubectl("get", "namespace", stack.namespace, "--output=name")).toBe(
      `namespace/${stack.namespace}`,
    );
  });

  it("goes by slipway destroy, once all of its data is named, and leaves the node", async () => {
    const planned = await stack.asked<DestroyPlan>("destroy");
    const data = [...new Set(planned.result.data.map(({ name }) => name))];
    // The claims of Postgres and Redis are those of their StatefulSets, and go with the namespace.
    expect([...data].sort()).toEqual(["backup-key", "backups", "namespace", "objects"]);
    const refused = await stack.slipway("destroy", "--yes", "--data", "objects").ended;
    expect(refused.code, refused.output).toBe(2);
    const { code, result, text } = await stack.asked<Destroyed>("destroy", "--yes", "--data", data.join(","));
    expect(code, text).toBe(0);
    // The node's class keeps disks, as data is not to go by a mistake.
    expect(result.left.objects.map(({ kept }) => kept).sort()).toEqual(
      ["backups", "data-postgres-0", "data-redis-0", "objects"].map(
        (claim) => `the disk of ${stack.namespace}/${claim}, whose class keeps it`,
      ),
    );
    expect(await stack.cluster.kubectl("get", "namespace", stack.namespace, "--ignore-not-found")).toBe("");
    expect(await stack.cluster.kubectl("get", "nodes", "--output=name")).toContain("node/slipway");
    expect(await stack.made("down")).toContain("There is no stack");
  });
});
