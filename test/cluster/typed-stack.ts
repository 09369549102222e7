import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect } from "vitest";
import { copyCheckout, type Checkout } from "../e2e/checkout.ts";
import { spoken, start, type Running, type Spoken } from "../e2e/running.ts";
import type { Ended } from "../e2e/stack.ts";
import { until } from "../servers/programs.ts";
import { Load, requestsTo, type Requests } from "./load.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

/** For one command of make. Less than a test has. */
const LONGEST_MS = 5 * 60_000;

/** What somebody types who has a clone and wants to see Kubernetes: the stack `cluster` on the real node, by `make` and `./slipway`. */
export class TypedStack {
  readonly namespace = "slipway-cluster";
  readonly cluster: RealCluster;
  readonly checkout: Checkout = copyCheckout();
  readonly env: NodeJS.ProcessEnv;
  /** Of a user who has the cluster, and no stack on it. */
  readonly #home = mkdtempSync(join(tmpdir(), "slipway-home-"));
  #request: Requests = () => Promise.reject(new Error("begin() was not called"));
  #load: Load | undefined;
  #before = "";

  private constructor(cluster: RealCluster) {
    this.cluster = cluster;
    const home = this.#home;
    mkdirSync(join(home, "slipway"));
    symlinkSync(cluster.layout.folder, join(home, "slipway/cluster"));
    // A cluster of somebody else's, which nothing may touch.
    const KUBECONFIG = join(home, "elsewhere");
    const folders = { XDG_STATE_HOME: home, XDG_CONFIG_HOME: join(home, "config") };
    this.env = { ...process.env, ...folders, SLIPWAY_YES: "1", KUBECONFIG };
  }

  static async prepare(): Promise<TypedStack> {
    return new TypedStack(await useCluster());
  }

  async leave(): Promise<void> {
    await this.make("down");
    this.checkout.remove();
    rmSync(join(this.#home, "slipway/cluster"));
    rmSync(this.#home, { recursive: true });
    await this.cluster.leave();
  }

  /**
   * Runs `make <words> STACK=cluster`.
   *
   * @throws Error after {@link LONGEST_MS} with what it printed and how the namespace is then: a test that runs out of time says neither
   */
  async make(...words: readonly string[]): Promise<Ended> {
    const running = start("make", [...words, "STACK=cluster"], this.checkout.folder, this.env);
    const isLate = new AbortController();
    const late = setTimeout(LONGEST_MS, "late", { signal: isLate.signal }).catch(() => "in time");
    const first = await Promise.race([running.ended, late]);
    isLate.abort();
    if (typeof first !== "string") return first;
    const found = await this.#found();
    running.kill();
    const { output } = await running.ended;
    throw new Error(`make ${words.join(" ")} has not ended after ${LONGEST_MS / 1000} s:\n${output}\n${found}`);
  }

  /** Why a namespace, or a pod, may not go or come. */
  async #found(): Promise<string> {
    const inside = `--namespace=${this.namespace}`;
    const looks = [
      ["get", "namespace", this.namespace, "--output=jsonpath={.status}"],
      ["get", "all,pvc,scaledobjects", inside, "--output=wide"],
      ["get", "events", inside, "--sort-by=.lastTimestamp"],
      ["get", "apiservices"],
    ] as const;
    const texts = await Promise.all(looks.map((look) => this.cluster.kubectl(...look).catch(String)));
    return texts.join("\n");
  }

  /** The same, which must succeed. */
  async made(...words: readonly string[]): Promise<string> {
    const { code, output } = await this.make(...words);
    if (code !== 0) throw new Error(`make ${words.join(" ")} ended with ${code}:\n${output}`);
    return output;
  }

  /** Runs `./slipway` on the stack. */
  slipway(...words: readonly string[]): Running {
    return start("./slipway", [...words, "--stack", "cluster"], this.checkout.folder, this.env);
  }

  /** The same, and what it says with --json. */
  asked<T>(...words: readonly string[]): Promise<Spoken<T>> {
    return spoken(this.slipway(...words, "--json"));
  }

  /** What is at a path of an object or a list. */
  get(what: readonly string[], path: string): Promise<string> {
    return this.cluster.kubectl("get", ...what, `--namespace=${this.namespace}`, `--output=jsonpath=${path}`);
  }

  /** Asks the API; for whom {@link begin} was called. */
  readonly request: Requests = (...asked) => this.#request(...asked);

  /** Clients ask the API from here on. */
  async begin(): Promise<void> {
    const url = `http://${await this.get(["service", "api"], "{.spec.clusterIP}")}:8000`;
    const { stdout } = await start("make", ["token", "STACK=cluster"], this.checkout.folder, this.env).ended;
    this.#request = requestsTo(url, stdout.trim());
    expect((await this.request("/api/v1/jobs?limit=1")).status).toBe(200);
    this.#before = await this.#dataPods();
    this.#load = new Load(this.request, 4);
  }

  /**
   * Every request since {@link begin} was answered as it should, every job that was accepted is done, and both servers are as they were.
   *
   * @param asItShould how answers that are no 200 or 202 may begin all the same; some did then @default none may
   */
  async nothingWasLost(asItShould?: string): Promise<void> {
    const { statuses = [], ids = [], faults = [] } = (await this.#load?.end()) ?? {};
    const meant = faults.filter((fault) => asItShould !== undefined && fault.startsWith(asItShould));
    expect(meant.length > 0).toBe(asItShould !== undefined);
    expect([...new Set(faults)].filter((fault) => !meant.includes(fault))).toEqual([]);
    expect(statuses.filter((status) => status === 200 || status === 202).length).toBe(statuses.length - meant.length);
    // Most of them went to those that serve.
    expect(meant.length).toBeLessThan(statuses.length / 2);
    for (const id of ids)
      await until(`job ${id} is done`, async () => {
        const answer = await this.request(`/api/v1/jobs/${id}`);
        return ((await answer.json()) as { state: string }).state === "succeeded";
      });
    console.log(`${statuses.length} requests, ${ids.length} jobs`);
    expect(await this.#dataPods()).toBe(this.#before);
  }

  #dataPods(): Promise<string> {
    return this.get(
      ["pods", "postgres-0", "redis-0"],
      "{range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount} {end}",
    );
  }
}
