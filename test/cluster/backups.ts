import { EXIT } from "../../backup/protocol.ts";
import { BACKUP_PROGRAM } from "../../infra/backup-program.ts";
import { execInPod } from "../../ops/cluster-exec.ts";
import { loadKubeConfig } from "../../toolchain/kube-config.ts";
import { until } from "../servers/programs.ts";
import type { Product } from "./product.ts";

/** What a command of the agent said last, and how it ended. */
export interface Said<T> {
  readonly code: number;
  readonly result?: T;
  readonly output: string;
}

/** Runs a command of the agent in its container, by the way that `slipway` takes. */
export async function askAgent<T>(product: Product, command: readonly string[], input?: string): Promise<Said<T>> {
  const { cluster, namespace } = product;
  const config = loadKubeConfig({ path: cluster.layout.kubeconfig });
  const place = { config, namespace, pod: "postgres-0", container: "backup" };
  const [lines, log]: [string[], string[]] = [[], []];
  const code = await execInPod(place, [...BACKUP_PROGRAM, ...command], {
    onLine: (line) => lines.push(line),
    onLogLine: (line) => log.push(line),
    ...(input !== undefined && { input }),
  });
  const last = lines.at(-1) ?? "";
  const { result } = (last.startsWith("{") ? JSON.parse(last) : {}) as { result?: T };
  return { code, output: [...lines, ...log].join("\n"), ...(result !== undefined && { result }) };
}

/** The same, and again while another one runs: the agent makes the first backup by itself, soon after its start. */
export async function askWhenFree<T>(product: Product, ...command: readonly string[]): Promise<Said<T>> {
  let answer = await askAgent<T>(product, command);
  await until(
    "no other backup runs",
    async () => {
      if (answer.code === EXIT.busy) answer = await askAgent<T>(product, command);
      return answer.code !== EXIT.busy;
    },
    120_000,
  );
  return answer;
}

/** Waits until everything committed so far is in the repository. */
export async function archived(product: Product): Promise<void> {
  const [segment = ""] = await product.sql("SELECT pg_walfile_name(pg_switch_wal())");
  await until(
    `${segment} is archived`,
    async () => ((await product.sql("SELECT last_archived_wal FROM pg_stat_archiver"))[0] ?? "") >= segment,
    90_000,
  );
}

/** Waits for a job of the cluster to end; gives its log. */
export async function ended(
  product: Product,
  job: string,
): Promise<{ readonly isGood: boolean; readonly log: string }> {
  let conditions = "";
  const path = "{.status.conditions[?(@.status=='True')].type}";
  await until(
    `the job ${job} has ended`,
    async () => /Complete|Failed/.test((conditions = await product.get(`job ${job}`, path))),
    300_000,
  );
  const log = await product.kubectl("logs", `job/${job}`, "--tail=40");
  return { isGood: conditions.includes("Complete"), log };
}

/** Types a command, with --json. */
export async function slipway<T>(product: Product, ...words: readonly string[]): Promise<Said<T>> {
  const { code, stdout, output } = await product.stack.slipway(...words, "--json").ended;
  return { code, output, ...(JSON.parse(stdout) as { result?: T }) };
}
