import { expect } from "vitest";
import type { ProductImages } from "../../infra/kubernetes/images.ts";
import { bringProductImages } from "../../toolchain/cluster/product-images.ts";
import { connect, DEFAULT_HOST } from "../../toolchain/engine.ts";
import { makeToken } from "../../toolchain/token.ts";
import { until } from "../servers/programs.ts";
import { requestsTo, type Requests } from "./load.ts";
import { makeProductStack, type TestProgram } from "./program.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

/** Settings by their path below `slipway:`, as `pulumi config set --path` takes them. */
export type Settings = Readonly<Record<string, string>>;

/** A job as the API tells of it. */
export interface ToldJob {
  readonly state: string;
  readonly attempt: number;
}

/** The repository's own stack on the real node of this machine. */
export class Product {
  readonly namespace: string;
  readonly cluster: RealCluster;
  readonly stack: TestProgram;
  /** By name, as they were brought to the node. */
  readonly images: ProductImages;
  #token = "";
  #url = "";

  private constructor(cluster: RealCluster, stack: TestProgram, images: ProductImages, namespace: string) {
    this.namespace = namespace;
    this.cluster = cluster;
    this.stack = stack;
    this.images = images;
  }

  /** Brings the cluster up, and the images to it. The stack has its settings, and nothing of it is made. */
  static async prepare(settings: Settings = {}): Promise<Product> {
    const cluster = await useCluster();
    const images = await bringProductImages(cluster.layout, connect(DEFAULT_HOST), () => undefined);
    const product = new Product(
      cluster,
      await makeProductStack(),
      images,
      settings["kubernetes.namespace"] ?? "slipway-test",
    );
    await product.configure({
      platform: "kubernetes",
      environment: "dev",
      "kubernetes.kubeconfig": cluster.layout.kubeconfig,
      "kubernetes.importedImages": "true",
      "kubernetes.autoscaler": "none",
      "kubernetes.cpuRequestPercent": "10",
      ...settings,
    });
    await product.useImages(images);
    return product;
  }

  /** The same, deployed and answering. */
  static async deploy(settings: Settings = {}): Promise<Product> {
    const product = await Product.prepare(settings);
    await product.up();
    await product.reach();
    return product;
  }

  async configure(settings: Settings): Promise<void> {
    const pairs = Object.entries(settings).flatMap(([key, value]) => ["--plaintext", `slipway:${key}=${value}`]);
    await this.stack.good("config", "set-all", "--path", ...pairs);
  }

  async useImages(images: ProductImages): Promise<void> {
    await this.configure(
      Object.fromEntries(Object.entries(images).map(([name, image]) => [`kubernetes.images.${name}`, image])),
    );
  }

  /** `pulumi up`, which must succeed. */
  async up(): Promise<void> {
    await this.stack.good("up", "--yes", "--skip-preview");
  }

  /** Finds out where the API is, and waits until it answers. */
  async reach(): Promise<void> {
    this.#token = await makeToken((await this.stack.good("stack", "output", "jwtKeys", "--show-secrets")).trim());
    this.#url = `http://${await this.get("service api", "{.spec.clusterIP}")}:8000`;
    await this.answers();
  }

  /** The node takes a moment until it passes on what comes for a new service, and refuses it before. */
  async answers(): Promise<void> {
    const ready = () => fetch(`${this.#url}/health/ready`, { signal: AbortSignal.timeout(2000) });
    await until("the API answers", async () => (await ready().catch(() => undefined))?.ok === true, 90_000);
  }

  readonly request: Requests = (...asked) => requestsTo(this.#url, this.#token)(...asked);

  /** Makes a job; gives its id. */
  async post(params: unknown, more: { kind?: string; delaySeconds?: number } = {}): Promise<string> {
    const answer = await this.request("/api/v1/jobs", { kind: "sum", params, ...more });
    expect(answer.status).toBe(202);
    return ((await answer.json()) as { id: string }).id;
  }

  async job(id: string): Promise<ToldJob> {
    const answer = await this.request(`/api/v1/jobs/${id}`);
    expect(answer.status).toBe(200);
    return (await answer.json()) as ToldJob;
  }

  async isDone(id: string): Promise<boolean> {
    return (await this.job(id)).state === "succeeded";
  }

  /** @param forMs longest time for each */
  async untilDone(ids: readonly string[], forMs = 120_000): Promise<void> {
    for (const id of ids) await until(`job ${id} is done`, () => this.isDone(id), forMs);
  }

  /** Runs kubectl in the stack's namespace. */
  kubectl(command: string, ...args: readonly string[]): Promise<string> {
    return this.cluster.kubectl(command, `--namespace=${this.namespace}`, ...args);
  }

  /** What is at a path of an object or a list. */
  get(what: string, path: string): Promise<string> {
    return this.kubectl("get", ...what.split(" "), `--output=jsonpath=${path}`);
  }

  /** Runs SQL as the superuser; rows without a header, columns parted by `|`. */
  async sql(text: string): Promise<string[]> {
    const printed = await this.kubectl(
      ...(["exec", "postgres-0", "--", "psql", "--host=/tmp", "--username=postgres", "--dbname=slipway"] as const),
      ...["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", `--command=${text}`],
    );
    return printed.split("\n").filter((line) => line !== "");
  }

  /** To be called when the tests are over. */
  async leave(): Promise<void> {
    await this.stack.pulumi("destroy", "--yes", "--skip-preview");
    this.stack.remove();
    await this.cluster.leave();
  }
}
