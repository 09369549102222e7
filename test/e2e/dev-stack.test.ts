import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { durationSeconds, peakDbfs, readWav } from "../../jobs/wav.ts";
import { SCHEMA_LEVEL } from "../../jobs/schema-level.ts";
import type { Drift } from "../../ops/drift.ts";
import type { StackPreview } from "../../ops/preview.ts";
import { generatedSecret } from "../../toolchain/stack.ts";
import { findLeaks, type Place } from "./canary.ts";
import { copyCheckout } from "./checkout.ts";
import { finished, postJob, send, startLoad } from "./client.ts";
import { secretCases } from "./secret-cases.ts";
import { docker, makeStack, type E2eStack } from "./stack.ts";

interface Previews {
  readonly previews: readonly StackPreview[];
}

/** One stack on the real engine, in the order in which a team meets it: up, jobs, drift, releases, faults, destroy. */
let stack: E2eStack;
/** What the first up printed. */
let logs = "";
const BROKEN_MIGRATION = `jobs/migrations/${String(SCHEMA_LEVEL + 1).padStart(4, "0")}-broken.sql`;
beforeAll(async () => {
  stack = await makeStack();
});
afterAll(() => stack.remove());

describe("wrong configuration", () => {
  it("lists every fault, exits non-zero and creates nothing", async () => {
    stack.configure({ environment: "staging", api: { replicas: 0, colour: "red" }, reddis: {}, databasePassword: "x" });
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    for (const fault of ["slipway:environment", "slipway:api.replicas", "slipway:api.colour", "slipway:reddis"]) {
      expect(output).toContain(fault);
    }
    expect(output).toContain("slipway:databasePassword stands in clear");
    expect(await stack.containers()).toEqual([]);
    stack.configure();
  });
});

describe("the first up", () => {
  it("brings every service up, and its URL answers", async () => {
    logs = await stack.up("--json", "--debug", "--logtostderr");
    const ready = await send(stack, "GET", "/health/ready");
    expect(ready).toEqual({ status: 200, body: '{"status":"ready"}' });
    expect((await stack.containers("api")).length).toBe(2);
    expect((await stack.containers("worker-cpu")).length).toBe(1);
  });

  it("does a job and gives out audio that is really there", async () => {
    const text = "The first sentence has come through.";
    const id = await postJob(stack, "speech", { text });
    const { state, result } = await finished(stack, id);
    expect(state).toBe("succeeded");
    const audio = await fetch(`${stack.url}/api/v1/jobs/${id}/artifact`, {
      headers: { authorization: `Bearer ${stack.token}` },
    });
    expect(audio.headers.get("content-type")).toBe("audio/wav");
    const sound = readWav(Buffer.from(await audio.arrayBuffer()));
    expect(peakDbfs(sound)).toBeGreaterThan(-30);
    expect(durationSeconds(sound)).toBeGreaterThan(1);
    expect(result["durationSeconds"]).toBeCloseTo(durationSeconds(sound), 2);
  });

  it("makes one archive of a batch, and the edge passes events on as they come, and ranges", async () => {
    const members = ["One.", "Two."].map((text) => ({ text }));
    const made = await send(stack, "POST", "/api/v1/batches", { kind: "speech", members });
    expect(made.status).toBe(202);
    const { aggregateId } = JSON.parse(made.body) as { aggregateId: string };
    const headers = { authorization: `Bearer ${stack.token}` };
    // The stream ends with the job.
    const events = await (await fetch(`${stack.url}/api/v1/jobs/${aggregateId}/events`, { headers })).text();
    expect([...events.matchAll(/^event: (\S+)$/gm)].map(([, name]) => name)).toEqual(
      expect.arrayContaining(["made", "started", "finished"]),
    );
    const archive = `${stack.url}/api/v1/jobs/${aggregateId}/artifact`;
    const part = await fetch(archive, { headers: { ...headers, range: "bytes=0-3" } });
    expect([part.status, await part.text()]).toEqual([206, "PK\u0003\u0004"]);
  });

  it("answers nothing of anybody's to a request without a token, and metrics to nobody outside", async () => {
    expect((await fetch(`${stack.url}/api/v1/jobs`)).status).toBe(401);
    expect((await send(stack, "GET", "/metrics")).status).toBe(404);
  });

  it("publishes the edge and nothing else", async () => {
    const names = await stack.containers();
    const { output } = await docker("inspect", "--format", "{{.Name}} {{json .NetworkSettings.Ports}}", ...names);
    const published = output
      .trim()
      .split("\n")
      .filter((line) => line.includes("HostPort"));
    expect(published).toHaveLength(1);
    expect(published[0]).toContain("-edge-");
    expect(published[0]).toContain('"HostIp":"127.0.0.1"');
  });
});

secretCases(
  () => stack,
  () => logs,
);

describe("no change", () => {
  it("is no difference, neither for a preview nor for a refresh", async () => {
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
    expect(await stack.pulumi("refresh", "--yes", "--expect-no-changes")).toMatchObject({ code: 0 });
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
  });

  it("is none for slipway's preview and drift either", async () => {
    const preview = await stack.slipway<Previews>(["preview"]);
    expect(preview, preview.text).toMatchObject({ code: 0, result: { previews: [{ isNew: false, changes: [] }] } });
    const drift = await stack.slipway<Drift>(["drift"]);
    expect(drift, drift.text).toMatchObject({ code: 0, result: { changes: [], unmanaged: [], unseen: [] } });
  });
});

describe("a preview", () => {
  const said: Place[] = [];
  const previewed = async (words: readonly string[], more: NodeJS.ProcessEnv = {}) => {
    const { code, text, result } = await stack.slipway<Previews>(["preview", ...words], more);
    said.push({ name: words.join(" "), content: text });
    expect(code, text).toBe(0);
    return result.previews[0]?.changes ?? [];
  };

  it("names what is made, changed and made anew, and does nothing", async () => {
    const before = await stack.containers();
    stack.configure({ api: { replicas: 3 } });
    const changes = await previewed([]);
    expect(changes.map(({ op, name }) => `${op} ${name}`)).toContain("create api-3");
    expect(changes.filter(({ losesData }) => losesData)).toEqual([]);
    expect(await stack.containers()).toEqual(before);
  });

  it("of somebody who may not open its secrets tells the same beside the base, and no secret", async () => {
    const base = copyCheckout();
    const closed = { PULUMI_CONFIG_PASSPHRASE_FILE: undefined, PULUMI_CONFIG_PASSPHRASE: "not the one" };
    try {
      const file = `Pulumi.${stack.name}.yaml`;
      stack.configure();
      base.write(file, readFileSync(join(stack.checkout.folder, file), "utf8"));
      expect(await previewed(["--base", base.folder], closed)).toEqual([]);
      expect((await stack.slipway(["preview"], closed)).code).toBe(1);
      stack.configure({ api: { replicas: 3 } });
      expect((await previewed(["--base", base.folder], closed)).map(({ op, name }) => `${op} ${name}`)).toContain(
        "create api-3",
      );
    } finally {
      stack.configure();
      base.remove();
    }
    const { output } = await stack.pulumi("stack", "export", "--show-secrets");
    const state: unknown = JSON.parse(output);
    const names = ["database-password", "redis-password", "jwt-key", "backup-key", "secret-fingerprints"];
    const secrets = Object.fromEntries(names.map((name) => [name, generatedSecret(state, name) ?? ""]));
    for (const secret of Object.values(secrets)) expect(secret.length).toBeGreaterThan(30);
    expect(findLeaks(secrets, said)).toEqual([]);
  });
});

describe("drift", () => {
  it("is told by slipway, what nobody deployed too, and nothing is changed by the look", async () => {
    const [first = ""] = await stack.containers("api");
    const image = (await docker("inspect", "--format", "{{.Config.Image}}", first)).output.trim();
    const label = ["--label", `slipway.stack=${stack.name}`];
    const stray = `${stack.name}-stray`;
    await docker("rm", "--force", first);
    await docker("create", ...label, "--name", stray, image);
    await docker("volume", "create", ...label, stray);
    await docker("network", "create", ...label, stray);
    for (const look of ["first", "second"]) {
      const { code, text, result } = await stack.slipway<Drift>(["drift"]);
      expect(code, `${look}: ${text}`).toBe(3);
      expect(result.changes).toMatchObject([{ op: "delete", name: "api-1" }]);
      expect(result.unmanaged).toEqual(["container", "network", "volume"].map((kind) => ({ kind, name: stray })));
    }
    await docker("rm", stray);
    await docker("volume", "rm", stray);
    await docker("network", "rm", stray);
    await stack.up("--refresh");
    expect(await stack.slipway<Drift>(["drift"])).toMatchObject({ code: 0 });
  });

  it("tells what somebody changed of what was deployed, and up sets it right", async () => {
    const [first = ""] = await stack.containers("api");
    await docker("update", "--restart", "no", first);
    const { code, text, result } = await stack.slipway<Drift>(["drift"]);
    expect(code, text).toBe(3);
    expect(result.changes).toMatchObject([{ op: "update", name: "api-1" }]);
    await stack.up("--refresh");
    const policy = await docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", first);
    expect(policy.output.trim()).toBe("unless-stopped");
    expect(await stack.slipway<Drift>(["drift"])).toMatchObject({ code: 0 });
  });

  it("sees a container that was removed by hand, and up repairs it", async () => {
    const [first] = await stack.containers("api");
    await docker("rm", "--force", first ?? "");
    const seen = await stack.pulumi("refresh", "--yes", "--expect-no-changes");
    expect(seen.code).not.toBe(0);
    expect(seen.output).toMatch(/api-1.*delete/);
    await stack.up();
    expect((await stack.containers("api")).length).toBe(2);
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
    expect((await send(stack, "GET", "/health/ready")).status).toBe(200);
  });
});

describe("releases", () => {
  it("takes over without a failed request and without a lost job", async () => {
    const before = await stack.containers("api");
    const load = startLoad(stack, 8);
    stack.checkout.edit("app/version.ts", "0.1.0", "0.1.1-second");
    await stack.up();
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(report.requests).toBeGreaterThan(1000);
    expect(await stack.containers("api")).not.toEqual(before);
    expect((await send(stack, "GET", "/")).body).toContain("0.1.1-second");
    for (const id of report.accepted) expect((await finished(stack, id)).state).toBe("succeeded");
  });

  it("keeps the old release serving when the new one does not become healthy, and says why", async () => {
    const load = startLoad(stack, 4);
    stack.configure({ healthTimeoutSeconds: 40 });
    stack.checkout.edit(
      "app/main.ts",
      "await runService(",
      'throw new Error("this release is broken");\nawait runService(',
    );
    const broken = await stack.pulumi("up", "--yes", "--skip-preview");
    expect(broken.code).not.toBe(0);
    expect(broken.output).toContain("the one before it goes on serving");
    expect(broken.output).toContain("this release is broken");
    // Again: a failed release must not count as done the second time.
    expect((await stack.pulumi("up", "--yes", "--skip-preview")).code).not.toBe(0);
    expect((await load.stop()).failures).toEqual([]);
    expect((await send(stack, "GET", "/")).body).toContain("0.1.1-second");
  });

  it("goes on with the next good release, under load", async () => {
    const load = startLoad(stack, 4);
    stack.configure();
    stack.checkout.edit("app/main.ts", 'throw new Error("this release is broken");\n', "");
    await stack.up();
    expect((await load.stop()).failures).toEqual([]);
    expect((await stack.containers("api")).length).toBe(2);
  });

  it("stops at a migration that fails, with its log, and runs it again at the next up", async () => {
    stack.checkout.write(BROKEN_MIGRATION, "-- phase: expand\nSELECT no_such_function();\n");
    for (const attempt of [1, 2]) {
      const failed = await stack.pulumi("up", "--yes", "--skip-preview");
      expect(failed.code, `attempt ${attempt}`).not.toBe(0);
      expect(failed.output).toContain("no_such_function");
      expect((await send(stack, "GET", "/health/ready")).status).toBe(200);
    }
    stack.checkout.removeFile(BROKEN_MIGRATION);
    await stack.up();
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
  });
});

describe("destroy", () => {
  it("leaves no container, network, volume or image", async () => {
    expect(await stack.pulumi("destroy", "--yes", "--skip-preview")).toMatchObject({ code: 0 });
    const label = `label=slipway.stack=${stack.name}`;
    for (const [kind, ...flags] of [["container", "--all"], ["network"], ["volume"]] as const) {
      expect((await docker(kind, "ls", "--quiet", ...flags, "--filter", label)).output).toBe("");
    }
    expect((await docker("image", "ls", "--quiet", `slipway-${stack.name}/*`)).output).toBe("");
  });
});
