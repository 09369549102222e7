import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findFolders, ROOT } from "./folders.ts";
import { buildGoProgram, findGo, goMissing } from "./go.ts";

const MINUTES = 60_000;
const WORKFLOWS = globSync(join(ROOT, ".github/workflows/*.yml")).sort();
const NAMES = WORKFLOWS.map((path) => basename(path, ".yml"));

interface Workflow {
  readonly jobs: { readonly drill: { readonly steps: readonly { readonly name?: string; readonly run?: string }[] } };
}

let actionlint: string;
beforeAll(async () => {
  const folders = findFolders();
  const go = await findGo();
  if (go === undefined) throw goMissing("actionlint");
  actionlint = join(await buildGoProgram("actionlint", folders, go, () => undefined), "actionlint");
}, 10 * MINUTES);

/** What actionlint says of a workflow; nothing where it is well. */
function faultsOf(path: string): string {
  try {
    // Not what this machine has besides: shellcheck and pyflakes would make the answer another one elsewhere.
    return execFileSync(actionlint, ["-no-color", "-shellcheck=", "-pyflakes=", path], { encoding: "utf8" });
  } catch (error) {
    return error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
  }
}

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly "runs-on": string;
  readonly "timeout-minutes"?: number;
  readonly steps: readonly { readonly run?: string; readonly with?: Readonly<Record<string, string>> }[];
}

function jobsOf(name: string): Readonly<Record<string, Job>> {
  const text = readFileSync(join(ROOT, `.github/workflows/${name}.yml`), "utf8");
  return (parse(text) as { readonly jobs: Readonly<Record<string, Job>> }).jobs;
}

describe("workflows", () => {
  it("are there", () => {
    expect(NAMES).toEqual(["drift", "drill", "preview", "release", "test"]);
  });

  it.each(WORKFLOWS)(
    "%s is what GitHub takes, with commands that there are, and may write nothing by itself",
    (path) => {
      expect(faultsOf(path)).toBe("");
      const text = readFileSync(path, "utf8");
      const commands = [...text.matchAll(/\.\/slipway (\w+)/g)].map(([, name]) => name ?? "");
      expect(commands.filter((name) => !existsSync(join(ROOT, `ops/commands/${name}.ts`)))).toEqual([]);
      expect(text).toMatch(/^permissions:\n {2}contents: read$/m);
    },
  );

  it.each(NAMES)("%s takes actions by their commit alone, and no secret of the repository", (name) => {
    const text = readFileSync(join(ROOT, `.github/workflows/${name}.yml`), "utf8");
    const actions = [...text.matchAll(/uses: (\S+)(.*)$/gm)];
    expect(actions.length).toBeGreaterThan(1);
    for (const [line, action = "", comment = ""] of actions) {
      expect(action, line).toMatch(/@[0-9a-f]{40}$/);
      expect(comment, line).toMatch(/^ # v\d+\.\d+\.\d+$/);
    }
    expect(text).not.toMatch(/secrets\.|pull_request_target/);
  });

  it("give each job what it needs: who runs a pull request's code writes nothing, who comments runs the base's", () => {
    const jobs = Object.fromEntries(
      NAMES.flatMap((file) => Object.entries(jobsOf(file)).map(([name, job]) => [`${file}/${name}`, job])),
    );
    const permissions = Object.entries(jobs).map(([name, job]) => [name, job.permissions]);
    expect(Object.fromEntries(permissions)).toEqual({
      "preview/preview": { contents: "read", "id-token": "write" },
      "preview/comment": { contents: "read", "pull-requests": "write" },
      "drift/drift": { contents: "read", "id-token": "write", issues: "write" },
      "drill/drill": { contents: "read", "id-token": "write" },
      "release/check": undefined,
      "release/scan": undefined,
      "release/deploy": { contents: "read", "id-token": "write" },
      "test/test": undefined,
    });
    const refs = (job: Job | undefined) => job?.steps.flatMap(({ with: given }) => given?.["ref"] ?? []);
    expect(refs(jobs["preview/comment"])).toEqual(["${{ github.event.pull_request.base.sha }}"]);
    const runs = jobs["preview/preview"]?.steps.flatMap(({ run }) => run ?? []).join("\n");
    expect(runs).toContain("--sealed");
    expect(jobs["release/deploy"]?.environment).toBe("${{ inputs.stack || 'prod' }}");
  });

  it("run the tests as root, with the Node of setup-node, on a machine of GitHub's alone", () => {
    const [test, check] = [jobsOf("test")["test"], jobsOf("release")["check"]];
    const scripts = (job: Job | undefined) => job?.steps.flatMap(({ run }) => run ?? []);
    expect(scripts(test)).toContain('sudo env "PATH=$PATH" .ci/run');
    expect(scripts(check)).toContain('sudo env "PATH=$PATH" SLIPWAY_YES=1 make test');
    expect([test?.["runs-on"], check?.["runs-on"]]).toEqual(["ubuntu-24.04", "ubuntu-24.04"]);
    expect([test?.["timeout-minutes"], check?.["timeout-minutes"]]).toEqual([90, 90]);
    expect([test?.environment, check?.environment]).toEqual([undefined, undefined]);
  });

  it("deploy a release with its checks, its record and its way back", () => {
    const scripts = jobsOf("release")["deploy"]?.steps.flatMap(({ run }) => run ?? []) ?? [];
    const [preview, deploy] = ["./slipway preview", "./slipway deploy"].map((command) =>
      scripts.findIndex((script) => script.startsWith(`${command} --stack "$STACK"`)),
    );
    expect(preview).toBeGreaterThanOrEqual(0);
    expect(deploy).toBeGreaterThan(preview ?? 0);
    expect(scripts[deploy ?? -1]).toBe('./slipway deploy --stack "$STACK" --yes');
    expect(scripts.join("\n")).not.toMatch(/pulumi up|--no-rollback|--force|--no-backup|--skip-tests/);
  });

  it("are all in the table of docs/previews.md", () => {
    const docs = readFileSync(join(ROOT, "docs/previews.md"), "utf8");
    const listed = [...docs.matchAll(/^\| `([a-z]+)\.yml`/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual(NAMES);
    for (const path of WORKFLOWS)
      for (const [, variable = ""] of readFileSync(path, "utf8").matchAll(/\bvars\.(\w+)/g))
        expect(docs).toContain(variable);
  });

  /** What the shell of a runner does with a step's script. */
  const runStep = (name: string, command: string) => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-step-"));
    try {
      const { jobs } = parse(readFileSync(join(ROOT, ".github/workflows/drill.yml"), "utf8")) as Workflow;
      const script = jobs.drill.steps.find((step) => step.name === name)?.run ?? "exit 99";
      writeFileSync(join(folder, "slipway"), `#!/bin/sh\n${command}\n`, { mode: 0o700 });
      const summary = join(folder, "summary");
      const drilled = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
        ...{
          cwd: folder,
          encoding: "utf8",
          env: { PATH: process.env["PATH"], STACK: "prod", GITHUB_STEP_SUMMARY: summary },
        },
      });
      const said = jobs.drill.steps.find((step) => step.name === "Say what it measured")?.run ?? "exit 99";
      spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", said], {
        ...{ cwd: folder, env: { PATH: process.env["PATH"], STACK: "prod", GITHUB_STEP_SUMMARY: summary } },
      });
      return { status: drilled.status, summary: readFileSync(summary, "utf8") };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it("drills with RTO and RPO in its summary, and is red where the drill is", () => {
    const good = runStep("Drill", "printf 'RTO  21 min from nothing\\nRPO  4 min of what\\n'");
    expect(good).toEqual({
      status: 0,
      summary: expect.stringMatching(/prod[^]*RTO {2}21 min[^]*RPO {2}4 min/) as string,
    });
    const bad = runStep("Drill", "echo 'the backup is damaged' >&2; exit 1");
    expect(bad).toEqual({ status: 1, summary: expect.stringContaining("It measured nothing") as string });
    // Not good: it was done, and what was looked at is damaged.
    expect(runStep("Drill", "echo 'RTO  1 s'; exit 3").status).toBe(3);
  });

  it("would be refused with an expression that is none, or a name from outside in a script", () => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-workflow-"));
    const path = join(folder, "broken.yml");
    const drill = readFileSync(join(ROOT, ".github/workflows/drill.yml"), "utf8");
    try {
      writeFileSync(path, drill.replace("inputs.stack", "input.stack"));
      expect(faultsOf(path)).toContain('undefined variable "input"');
      writeFileSync(path, drill.replace('"$STACK"', "${{ github.event.issue.title }}"));
      expect(faultsOf(path)).toContain("potentially untrusted");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
