import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DeployLock } from "../../toolchain/deployment/deploy-lock.ts";
import { ROOT } from "../../toolchain/folders.ts";
import type { Finding } from "../health/finding.ts";

/** `check` and `health` as somebody types them, on a machine with no engine and a Pulumi that only says what it is told to. */
let machine: string;
beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), "slipway-machine-"));
  const script = (path: string, body: string) => {
    mkdirSync(dirname(join(machine, path)), { recursive: true });
    writeFileSync(join(machine, path), `#!/bin/sh\n${body}\n`);
    chmodSync(join(machine, path), 0o755);
  };
  // What it is told lies in a file named by its first word and its second: `stack-output`.
  script("bin/pulumi", `[ "$1" = version ] && exec echo v3.230.0\nexec cat "${machine}/said/$1-$2"`);
  script("bin/pulumi-language-nodejs", "exit 1");
  for (const plugin of ["docker", "random", "kubernetes"])
    script(`home/.pulumi/plugins/resource-${plugin}-v${versionOf(plugin)}/pulumi-resource-${plugin}`, "exit 1");
  mkdirSync(join(machine, "said"));
});
afterEach(() => {
  rmSync(machine, { recursive: true });
});

function versionOf(plugin: string): string {
  const path = join(ROOT, "node_modules/@pulumi", plugin, "package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

/** What Pulumi says to `pulumi stack output`, as `stack-output`. */
function says(words: string, said: unknown): void {
  writeFileSync(join(machine, "said", words), JSON.stringify(said));
}

const state = () => join(machine, "state/slipway");
const passphrase = () => join(machine, "config/slipway/passphrase");

function stackIsThere(): void {
  mkdirSync(join(state(), ".pulumi/stacks/slipway"), { recursive: true });
  writeFileSync(join(state(), ".pulumi/stacks/slipway/dev.json"), '{"version":3,"checkpoint":{}}');
  mkdirSync(dirname(passphrase()), { recursive: true });
  writeFileSync(passphrase(), "correct horse battery staple\n", { mode: 0o600 });
  says("config---json", {
    "slipway:platform": { value: "docker" },
    "slipway:environment": { value: "dev" },
  });
}

interface Said {
  readonly code: number | null;
  readonly document: { readonly exitCode: number; readonly result?: readonly Finding[]; readonly failure?: string };
  readonly log: string;
}

async function slipway(...words: string[]): Promise<Said> {
  const home = join(machine, "home");
  const child = spawn(process.execPath, [join(ROOT, "ops/main.ts"), ...words, "--json"], {
    env: {
      ...{ HOME: home, PATH: [join(machine, "bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter) },
      ...{ XDG_STATE_HOME: join(machine, "state"), XDG_CONFIG_HOME: join(machine, "config") },
      ...{ XDG_CACHE_HOME: join(machine, "cache"), DOCKER_HOST: `unix://${machine}/docker.sock` },
      // Nothing of the checkout's own git is set.
      GIT_DIR: join(machine, "no-git"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [output, log] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, document: JSON.parse(output) as Said["document"], log };
}

const statesOf = ({ document: { result = [] } }: Said) =>
  Object.fromEntries(result.map(({ name, state: is }) => [name, is]));

describe("check --pre", () => {
  it("looks at everything, and ends with 3 where no engine answers", async () => {
    stackIsThere();
    const said = await slipway("check", "--pre");
    expect(said.code, said.log).toBe(3);
    expect(statesOf(said)).toEqual({
      ...{ passphrase: "good", versions: "good", file: "good", running: "good", backups: "unknown" },
      ...{ lock: "good", engine: "bad", gpu: "good" },
    });
  });

  it("says who deploys, and makes no passphrase beside stacks that it would not open", async () => {
    stackIsThere();
    rmSync(passphrase());
    const asked = new DeployLock("dev", { state: state() }).ask("make up");
    const said = await slipway("check", "--pre");
    if (asked.kind === "taken") asked.release();
    expect(said.code, said.log).toBe(3);
    expect(statesOf(said)).toEqual({ passphrase: "bad", lock: "bad", engine: "bad", gpu: "good" });
    expect(said.document.result?.find(({ name }) => name === "lock")?.detail).toMatch(/^make up by /);
    expect(existsSync(passphrase())).toBe(false);
  });

  it("finds a file that Pulumi does not open", async () => {
    stackIsThere();
    rmSync(join(machine, "said/config---json"));
    const said = await slipway("check", "--pre");
    expect(statesOf(said)).toMatchObject({ passphrase: "good", file: "bad" });
  });
});

describe("health ends with 69 where nothing could be looked at", () => {
  it("as the stack was never up", async () => {
    const { code, document, log } = await slipway("health");
    expect(code, log).toBe(69);
    expect(document).toMatchObject({ exitCode: 69, failure: expect.stringContaining("was never up") as string });
  });

  it("as it has never come up whole", async () => {
    stackIsThere();
    const { code, document, log } = await slipway("health");
    expect(code, log).toBe(69);
    expect(document.failure).toContain("has never come up whole");
  });

  it("as its engine does not answer", async () => {
    stackIsThere();
    says("stack-output", { url: "http://127.0.0.1:9" });
    const { code, document, log } = await slipway("health");
    expect(code, log).toBe(69);
    expect(document.failure).toContain("nothing answers there");
  });
});
