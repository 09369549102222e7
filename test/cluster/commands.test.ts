import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, DEFAULT_HOST } from "../../toolchain/engine.ts";
import { copyCheckout, type Checkout } from "../e2e/checkout.ts";
import { until } from "../servers/programs.ts";
import type { Ended } from "./program.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

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

describe("make with a stack in a cluster", () => {
  it("brings it up, and lets it speak", async () => {
    const output = await good("up", ...STACK);
    expect(output).toMatch(/Speech {2}dist\/hello\.wav, \d+ s, peak -\d/);
    expect(output).toContain(`API     http://api.${NAMESPACE}.svc:8000`);
    expect(output).toContain("make forward STACK=cluster");
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

  it("refuses what has no meaning there, and does nothing", async () => {
    const { code, output } = await make("down", ...STACK, "KEEP_DATA=1");
    expect(code).not.toBe(0);
    expect(output).toContain("KEEP_DATA and FORCE do nothing");
    expect(await cluster.kubectl("get", "namespace", NAMESPACE, "--output=name")).toBe(`namespace/${NAMESPACE}`);
  });

  it("takes it down, and leaves the node", async () => {
    await good("down", ...STACK);
    expect(await cluster.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found")).toBe("");
    expect(await cluster.kubectl("get", "nodes", "--output=name")).toContain("node/slipway");
    expect(await good("down", ...STACK)).toContain("There is no stack");
  });
});
