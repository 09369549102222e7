import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Status } from "../../ops/commands/status.ts";
import type { Finding } from "../../ops/health/finding.ts";
import { apiChecks } from "../../ops/rotation-api-logins.ts";
import { connect, DEFAULT_HOST } from "../../toolchain/engine.ts";
import { loadKubeConfig } from "../../toolchain/kube-config.ts";
import { copyCheckout, type Checkout } from "../e2e/checkout.ts";
import { start, type Running } from "../e2e/running.ts";
import { until } from "../servers/programs.ts";
import { Load, requestsTo, type Requests } from "./load.ts";
import type { Ended } from "../e2e/stack.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

/** What a rotation came to. */
interface Rotated {
  readonly slots: unknown;
  readonly seen: readonly string[];
}

/** What somebody types who has a clone and wants to see Kubernetes: `make up STACK=cluster`, on the real node. */
const STACK = ["STACK=cluster"];
const NAMESPACE = "slipway-cluster";
let cluster: RealCluster;
let checkout: Checkout;
/** Of a user who has the cluster, and no stack on it. */
let home: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  cluster = await useCluster();
  checkout = copyCheckout();
  home = mkdtempSync(join(tmpdir(), "slipway-home-"));
  mkdirSync(join(home, "slipway"));
  symlinkSync(cluster.layout.folder, join(home, "slipway/cluster"));
  // A cluster of somebody else's, which nothing may touch.
  const KUBECONFIG = join(home, "elsewhere");
  env = { ...process.env, XDG_STATE_HOME: home, XDG_CONFIG_HOME: join(home, "config"), SLIPWAY_YES: "1", KUBECONFIG };
});
afterAll(async () => {
  await make("down", ...STACK);
  checkout.remove();
  rmSync(join(home, "slipway/cluster"));
  rmSync(home, { recursive: true });
  await cluster.leave();
});

function make(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile("make", [...args], { cwd: checkout.folder, env }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? 1, output: stdout + stderr });
    });
  });
}

async function good(...args: readonly string[]): Promise<string> {
  const { code, output } = await make(...args);
  if (code !== 0) throw new Error(`make ${args.join(" ")} ended with ${code}:\n${output}`);
  return output;
}

/** Runs `./slipway` on the stack. */
function slipway(...args: readonly string[]): Running {
  return start("./slipway", [...args, "--stack", "cluster"], checkout.folder, env);
}

describe("make with a stack in a cluster", () => {
  it("brings it up, and lets it speak", async () => {
    const output = await good("up", ...STACK);
    expect(output).toMatch(/Speech {2}dist\/hello\.wav, \d+ s, peak -\d/);
    expect(output).toContain(`API     http://api.${NAMESPACE}.svc:8000`);
    expect(output).toContain("make forward STACK=cluster");
    expect(output).toMatch(/✓ Truth .* serves; \d+ copies of \d+ services as asked for/);
    // The API's own pod was asked to write it down.
    expect(output).not.toContain("was not told");
    expect(existsSync(join(checkout.folder, "dist/hello.wav"))).toBe(true);
  });

  it("leaves no image of it with the Docker engine", async () => {
    const images = await connect(DEFAULT_HOST).listImages();
    const names = images.flatMap(({ RepoTags }) => RepoTags ?? []);
    expect(names.filter((name) => /^slipway\/(api|worker|postgres|redis):/.test(name))).toEqual([]);
  });

  it("changes nothing the second time", async () => {
    const output = await good("up", ...STACK);
    expect(output).toMatch(/✓ Deploy .* \d+ unchanged$/m);
  });

  it("asks every route of it", async () => {
    const output = await good("smoke", ...STACK, "JSON=1");
    const { results } = JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as {
      results: { route: string; ok: boolean }[];
    };
    expect(results.length).toBeGreaterThan(7);
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
  });

  it("is looked at: what runs, how it is, what it wrote", async () => {
    const status = await slipway("status", "--json").ended;
    expect(status.code, status.output).toBe(0);
    const { services } = (JSON.parse(status.stdout) as { result: Status }).result;
    const ready = Object.fromEntries(services.map((one) => [one.service, `${one.ready}/${one.wanted}`]));
    expect(ready).toMatchObject({ api: "2/2", postgres: "1/1", redis: "1/1", backup: "1/1", "worker-cpu": "1/1" });
    const health = await slipway("health", "--json").ended;
    const { findings } = (JSON.parse(health.stdout) as { result: { findings: Finding[] } }).result;
    const stateOf = (state: string) => findings.filter((one) => one.state === state).map(({ name }) => name);
    // A busy machine with a full disk would say more, and a key that nobody keeps is a warning.
    expect(stateOf("good"), health.output).toEqual(
      expect.arrayContaining(["containers", "routes", "network", "database", "queues", "speech", "certificates"]),
    );
    expect(stateOf("unknown"), health.output).toEqual([]);
    const log = await slipway("logs", "worker-cpu", "--since", "1h").ended;
    expect(log.stdout, log.output).toMatch(/worker-cpu-\S+ +info +job succeeded jobId=\d+ kind=sum/);
    const check = await slipway("check", "--post").ended;
    expect(check.code, check.output).toBe(0);
  });

  it("lets it answer on this machine until it is told to end", async () => {
    const script = ["toolchain/start.sh", "commands/forward.ts", "--stack", "cluster", "--port", "18083"];
    const child = spawn("sh", script, { cwd: checkout.folder, env, stdio: ["ignore", "pipe", "inherit"] });
    const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    expect(url).toBe("http://127.0.0.1:18083");
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/health/ready`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    child.kill("SIGTERM");
    await until("it is closed", async () => (await fetch(`${url}/`).catch(() => undefined)) === undefined);
  });

  describe("slipway rotate, under load", () => {
    let load: Load;
    let request: Requests;
    let before: string;
    beforeAll(async () => {
      before = await dataPods();
    });

    const get = (what: readonly string[], path: string) =>
      cluster.kubectl("get", ...what, `--namespace=${NAMESPACE}`, `--output=jsonpath=${path}`);
    const dataPods = () =>
      get(
        ["pods", "postgres-0", "redis-0"],
        "{range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount} {end}",
      );

    async function begin(): Promise<void> {
      const url = `http://${await get(["service", "api"], "{.spec.clusterIP}")}:8000`;
      const { stdout } = await start("make", ["token", ...STACK], checkout.folder, env).ended;
      request = requestsTo(url, stdout.trim());
      expect((await request("/api/v1/jobs?limit=1")).status).toBe(200);
      load = new Load(request, 4);
    }

    /** Every request was answered as it should, every job that was accepted is done, and both servers are as they were. */
    async function nothingWasLost(): Promise<void> {
      const { statuses, ids, faults } = await load.end();
      expect([...new Set(faults)]).toEqual([]);
      expect([...new Set(statuses)].sort()).toEqual([200, 202]);
      for (const id of ids)
        await until(`job ${id} is done`, async () => {
          const answer = await request(`/api/v1/jobs/${id}`);
          return ((await answer.json()) as { state: string }).state === "succeeded";
        });
      console.log(`${statuses.length} requests, ${ids.length} jobs`);
      expect(await dataPods()).toBe(before);
    }

    async function rotate(...words: string[]): Promise<Rotated> {
      const { code, stdout, output } = await slipway("rotate", ...words, "--yes", "--json").ended;
      expect(code, output).toBe(0);
      return (JSON.parse(stdout) as { result: Rotated }).result;
    }

    /** What the API comes to Postgres with. */
    async function login(): Promise<{ user: string; password: string }> {
      const pod = await get(["deployment", "api"], "{.spec.template.spec.containers[0].envFrom[0].configMapRef.name}");
      const secret = await get(
        ["deployment", "api"],
        "{.spec.template.spec.volumes[?(@.name=='secrets')].secret.secretName}",
      );
      const password = await get(["secret", secret], "{.data.database-password}");
      return {
        user: await get(["configmap", pod], "{.data.DATABASE_USER}"),
        password: Buffer.from(password, "base64").toString(),
      };
    }

    async function takes({ user, password }: { user: string; password: string }): Promise<boolean> {
      const psql = ["psql", "-w", "-h", "127.0.0.1", "-U", user, "-d", "slipway", "-Atc", "SELECT 1"];
      const exec = ["exec", `--namespace=${NAMESPACE}`, "postgres-0", "--container=postgres", "--"];
      const said = cluster.kubectl(...exec, "env", `PGPASSWORD=${password}`, ...psql);
      return (await said.catch(() => "refused")).trim() === "1";
    }

    it("says first what it would do, and changes nothing", async () => {
      const { code, stdout } = await slipway("rotate", "database").ended;
      expect(code).toBe(0);
      expect(stdout).toContain("./slipway rotate database --yes --stack cluster");
    });

    it("moves services to another role of Postgres, killed in the middle and run again, and the old one is refused", async () => {
      const old = await login();
      await begin();
      const killed = slipway("rotate", "database", "--yes");
      await killed.printed("✓ Stack file", 2);
      await killed.printed("✓ Bundles", 2);
      killed.kill();
      expect((await killed.ended).code).toBe(137);
      expect(await takes(old)).toBe(true);
      const { slots, seen } = await rotate("database");
      expect(slots).toEqual({ slot: "second", other: "off" });
      expect(seen.slice(-3)).toEqual(["first is used by nobody", "second is accepted", "first is refused"]);
      await nothingWasLost();
      expect([await takes(old), await takes(await login())]).toEqual([false, true]);
    });

    it("asks the same from a pod of the API, as it does where servers are not the stack's own", async () => {
      const { user, password } = await login();
      const stack = {
        cluster: async () => ({ config: loadKubeConfig({ path: cluster.layout.kubeconfig }), namespace: NAMESPACE }),
        secret: async () => password,
      };
      const checks = apiChecks("database", "external", stack);
      const { users } = checks;
      expect(user).toBe("slipway_app_second");
      // The owner has another password.
      expect([await checks.taken("first"), await checks.taken("second")]).toEqual(["refused", "mixed"]);
      if (typeof users === "string") throw new Error(users);
      expect(await users("first")).toEqual([]);
      expect((await users("second")).join()).toContain("slipway_app_second (slipway-api/");
      expect(await apiChecks("redis", "external", stack).taken("first")).toBe("refused");
    });

    it("moves them to another user of Redis", async () => {
      await begin();
      const { slots, seen } = await rotate("redis");
      expect(slots).toEqual({ slot: "second", other: "off" });
      expect(seen.slice(-3)).toEqual(["first is used by nobody", "second is accepted", "first is refused"]);
      await nothingWasLost();
    });

    it("makes another key for tokens, and refuses those of before when it is told to", async () => {
      await begin();
      expect((await rotate("jwt")).slots).toEqual({ slot: "second", other: "last" });
      await nothingWasLost();
      expect((await rotate("jwt", "--off")).seen.slice(-1)).toEqual(["first is refused"]);
      // A pod that is on its way out may answer some seconds longer.
      await until("the token is refused", async () => (await request("/api/v1/jobs?limit=1")).status === 401);
    });

    it("goes back to the role that served before", async () => {
      const left = await login();
      await begin();
      const { slots, seen } = await rotate("database", "--back");
      expect(slots).toEqual({ slot: "first", other: "off" });
      expect(seen.slice(-3)).toEqual(["second is used by nobody", "first is accepted", "second is refused"]);
      await nothingWasLost();
      expect([await takes(left), await takes(await login())]).toEqual([false, true]);
    });
  });

  it("refuses what has no meaning there, and does nothing", async () => {
    const { code, output } = await make("down", ...STACK, "KEEP_DATA=1");
    expect(code).not.toBe(0);
    expect(output).toContain("KEEP_DATA and FORCE do nothing");
    expect(await cluster.kubectl("get", "namespace", NAMESPACE, "--output=name")).toBe(`namespace/${NAMESPACE}`);
  });

  it("takes it down, and leaves the node", async () => {
    const said = await good("down", ...STACK);
    // The node's class keeps disks, as data is not to go by a mistake.
    for (const claim of ["data-postgres-0", "data-redis-0", "backups", "objects"])
      expect(said).toContain(`: the disk of ${NAMESPACE}/${claim}, whose class keeps it`);
    expect(said).toContain("Kept (4):");
    expect(said).not.toContain("nobody's any more");
    expect(await cluster.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found")).toBe("");
    expect(await cluster.kubectl("get", "nodes", "--output=name")).toContain("node/slipway");
    expect(await good("down", ...STACK)).toContain("There is no stack");
  });
});
