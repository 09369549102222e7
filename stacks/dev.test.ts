import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { stackSchema } from "../configs/stack.ts";
import { ConnectionBudgetError } from "../infra/plan/connection-budget.ts";
import { manifestOfAll, recordStack } from "../test/pulumi/docker-stack.ts";
import { DOCKER_ANSWERS } from "../test/pulumi/docker.ts";
import { known, record } from "../test/pulumi/recorder.ts";
import { dev } from "./dev.ts";

vi.mock("../infra/images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const stackOf = (more: object = {}) =>
  stackSchema.parse({ platform: "docker", environment: "dev", gpu: { mode: "off" }, ...more });

const identities = (resources: readonly { readonly type: string; readonly name: string }[]) =>
  resources.map(({ type, name }) => `${type} ${name}`).sort();

const closers: (() => void)[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0)) close();
});

/** An engine that only tells its runtimes. */
async function engineWith(runtimes: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-dev-"));
  const engine = createServer((_request, response) => {
    response.end(JSON.stringify({ Runtimes: Object.fromEntries(runtimes.map((name) => [name, {}])) }));
  }).listen(join(folder, "docker.sock"));
  closers.push(() => {
    engine.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await new Promise((resolve) => engine.once("listening", resolve));
  vi.stubEnv("DOCKER_HOST", `unix://${join(folder, "docker.sock")}`);
}

describe("dev", () => {
  it("is the platform with every service on it, and says where it answers", async () => {
    const config = stackOf();
    const { result, resources } = await record(() => dev(config), DOCKER_ANSWERS);
    expect(identities(resources)).toEqual(identities((await recordStack(config)).resources));
    expect(await known(result.url)).toBe("http://127.0.0.1:8080");
    expect(await known(result.docsUrl)).toBe("http://127.0.0.1:8080/docs");
    expect(result.dataGeneration).toBe("first");
    expect(await known(result.serving)).toEqual({
      api: "api-hex-api-release",
      "worker-cpu": "worker-cpu-hex-worker-cpu-release",
    });
  });

  it("has a GPU worker where the engine has an NVIDIA runtime", async () => {
    await engineWith(["runc", "nvidia"]);
    const { result } = await record(() => dev(stackOf({ gpu: {} })), DOCKER_ANSWERS);
    expect(Object.keys(await known(result.serving))).toEqual(["api", "worker-cpu", "worker-gpu"]);
  });
});

describe("refusals", () => {
  /** What was asked of the engine before the program threw, and what it threw. */
  async function refused(config: ReturnType<typeof stackOf>): Promise<{ error: unknown; made: readonly string[] }> {
    const { result, resources } = await record(
      () =>
        dev(config).then(
          () => undefined,
          (reason: unknown) => reason,
        ),
      DOCKER_ANSWERS,
    );
    return { error: result, made: identities(resources) };
  }

  it("make nothing where Postgres has too few connections", async () => {
    const { error, made } = await refused(stackOf({ api: { replicas: 6 } }));
    expect(error).toBeInstanceOf(ConnectionBudgetError);
    expect(String(error)).toMatch(
      /Pulumi\.unit\.yaml may hold 120 connections .* allowed are 97[^]*slipway:api\.replicas/,
    );
    expect(made).toEqual([]);
  });

  it("count the GPU worker only where it runs", async () => {
    // Twice 4 x 8 and twice 1 x 8, and 8 besides, are 88 of 97; a GPU worker would be twice 8 more.
    const config = stackOf({ api: { replicas: 4 }, gpu: { mode: "auto" } });
    await engineWith(["runc"]);
    expect((await refused(config)).error).toBeUndefined();
    await engineWith(["nvidia"]);
    expect(String((await refused(config)).error)).toContain("worker-gpu");
  });

  it("make nothing where a GPU is required and the engine has none", async () => {
    await engineWith(["runc"]);
    const { error, made } = await refused(stackOf({ gpu: { mode: "on" } }));
    expect(String(error)).toContain("gpu.mode is on");
    expect(made).toEqual([]);
  });
});
