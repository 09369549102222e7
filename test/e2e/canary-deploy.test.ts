import { afterAll, beforeAll, expect, it } from "vitest";
import type { Deployed } from "../../ops/deploying.ts";
import { finished, startLoad, type LoadReport, type Target } from "./client.ts";
import { FAILING, MORE_TRIES, OTHER, undo } from "./bad-releases.ts";
import { makeOpsStack, type OpsStack } from "./ops-stack.ts";
import { spoken, type Running } from "./running.ts";

/**
 * `./slipway deploy --canary` on the real engine, while clients ask without pause: one that is good, one that is not, one that is broken off. And a release that
 * is found bad once everything goes to it.
 */
let stack: OpsStack;
let to: Target;
beforeAll(async () => {
  stack = await makeOpsStack("  slipway:backup: { enabled: false }\n");
  // Workers of a bad release fail jobs for seconds until they are stopped; with three tries in all some would be dead by then.
  stack.checkout.edit(...MORE_TRIES);
  const { code, output } = await stack.slipway("deploy", "--init", "--yes").ended;
  if (code !== 0) throw new Error(output);
  to = { url: stack.url, token: await stack.token(12) };
});
afterAll(() => stack.remove());

const CANARY = ["deploy", "--yes", "--skip-tests", "--canary", "20,100", "--canary-seconds", "5"];
const log = () => stack.deployments();
const served = () => stack.served();

/** What clients see meanwhile. */
async function underLoad(work: () => Promise<void>): Promise<LoadReport> {
  const load = startLoad(to, 4);
  try {
    await work();
  } finally {
    await load.stop();
  }
  return load.stop();
}

async function allDone({ accepted }: LoadReport): Promise<void> {
  expect(accepted.length).toBeGreaterThan(20);
  for (const id of accepted.slice(-20)) expect((await finished(to, id)).state).toBe("succeeded");
}

it("lets a good release take over by shares, without a failed request", async () => {
  stack.checkout.release("0.1.0", "0.2.0");
  // Workers too: what does not change belongs to both releases.
  stack.checkout.edit(...OTHER);
  const report = await underLoad(async () => {
    const { code, result, text } = await spoken<Deployed>(stack.slipway(...CANARY, "--json"));
    expect(code, text).toBe(0);
    expect(text).toMatch(
      /Canary at 20 % is good\. the new release: \d{2,} requests, 0 errors .*; the one before: \d{2,} requests/,
    );
    expect(text).toContain("Canary at 100 % is good.");
    expect(text).toMatch(
      /; workers: the new release: \d{2,} attempts of jobs, 0 failed .*; the one before: \d{2,} attempts/,
    );
    expect(result.deployment).toMatchObject({ outcome: "succeeded", version: "0.2.0", serving: "0.2.0" });
  });
  expect(report.failures).toEqual([]);
  await allDone(report);
  expect(await served()).toBe("0.2.0");
  expect((await stack.containers("api")).length).toBe(2);
});

it("sends everything back from one whose API fails, takes it away, and says by which figures", async () => {
  stack.checkout.release("0.2.0", "0.3.0");
  const [good, bad] = ['app.get("/api/v1/health", { schema: summary }, async () => {', 'throw new Error("it fails");'];
  stack.checkout.edit("app/routes/health.ts", good, good + bad);
  const workers = await stack.containers("worker-cpu");
  const report = await underLoad(async () => {
    const { code, output } = await stack.slipway(...CANARY).ended;
    expect(code, output).toBe(1);
    expect(output).toContain("Gone back to 0.2.0 by itself");
  });
  // Its workers are those of the release that serves.
  expect(await stack.containers("worker-cpu")).toEqual(workers);
  stack.checkout.edit("app/routes/health.ts", good + bad, good);
  stack.checkout.release("0.3.0", "0.2.0");
  // Those that the new release was given, and nobody else's.
  expect(report.failures.filter((failure) => !failure.startsWith("GET 500"))).toEqual([]);
  expect(report.failures.length).toBeGreaterThan(2);
  expect(report.failures.length).toBeLessThan(report.requests / 2);
  await allDone(report);
  expect(log().at(-1)).toMatchObject({ outcome: "failed", version: "0.3.0", serving: "0.2.0" });
  expect(log().at(-1)?.reason).toMatch(
    /The canary was given up at 20 %: \d+ of \d+ requests to the new release failed \([\d.]+ %\), 0 of \d+ to the one before/,
  );
  const after = await underLoad(() => new Promise((resolve) => setTimeout(resolve, 2000)));
  expect(after.failures).toEqual([]);
  expect(await served()).toBe("0.2.0");
  expect((await stack.containers("api")).length).toBe(2);
  expect((await stack.containers("worker-cpu")).length).toBe(1);
});

it("sends everything back from one whose workers fail jobs that those of before do, and no job is lost", async () => {
  stack.checkout.release("0.2.0", "0.3.0");
  stack.checkout.edit(...FAILING);
  const report = await underLoad(async () => {
    const { code, output } = await stack.slipway(...CANARY).ended;
    expect(code, output).toBe(1);
    expect(output).toContain("Gone back to 0.2.0 by itself");
  });
  undo(stack.checkout, FAILING);
  stack.checkout.release("0.3.0", "0.2.0");
  expect(report.failures).toEqual([]);
  expect(log().at(-1)?.reason).toMatch(
    /The canary was given up at 20 %: \d+ of \d+ attempts of jobs by the new release failed \([\d.]+ %\), 0 of \d+ by the one before/,
  );
  for (const id of report.accepted) expect((await finished(to, id)).state).toBe("succeeded");
  expect((await stack.containers("worker-cpu")).length).toBe(1);
});

const ENDS = [
  {
    how: "killed",
    versions: ["0.2.0", "0.3.0"],
    outcome: undefined,
    end: (running: Running) => {
      running.kill();
    },
  },
  {
    how: "told to end (^C)",
    versions: ["0.3.0", "0.4.0"],
    outcome: "interrupted",
    end: (running: Running) => {
      running.interrupt();
    },
  },
] as const;

it.each(ENDS)(
  "that is $how keeps its share until the next deploy has finished it",
  async ({ versions, outcome, end }) => {
    const [serving, version] = versions;
    stack.checkout.release(serving, version);
    const report = await underLoad(async () => {
      const running = stack.slipway(...CANARY);
      await running.printed("Canary at 20 % is good.");
      end(running);
      await running.ended;
      expect(log().at(-1)?.outcome).toBe(outcome);
      const { code, output } = await stack.slipway("deploy", "--yes", "--skip-tests").ended;
      expect(code, output).toBe(0);
    });
    expect(report.failures).toEqual([]);
    await allDone(report);
    expect(log().at(-1)).toMatchObject({ outcome: "succeeded", version, serving: version });
    expect(await served()).toBe(version);
    expect((await stack.containers("api")).length).toBe(2);
  },
);

it("goes back by itself from a release that serves, where a route does not answer as it must", async () => {
  stack.checkout.release("0.4.0", "0.5.0");
  const [good, bad] = ["live", "dying"].map((status) => `({ status: "${status}" as const })`);
  stack.checkout.edit("app/routes/health.ts", good ?? "", bad ?? "");
  const report = await underLoad(async () => {
    const { code, output } = await stack.slipway("deploy", "--yes").ended;
    expect(code, output).toBe(1);
    expect(output).toContain("Gone back to 0.4.0 by itself");
  });
  expect(report.failures).toEqual([]);
  await allDone(report);
  expect(log().at(-1)).toMatchObject({ outcome: "failed", version: "0.5.0", serving: "0.4.0" });
  expect(log().at(-1)?.reason).toContain("GET /health/live");
  expect(stack.file()).toContain(`api: ${log().at(-2)?.images?.api ?? "nothing"}`);
  expect(await served()).toBe("0.4.0");
  expect((await stack.containers("api")).length).toBe(2);
});
