import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { copyCheckout, type Checkout } from "../test/e2e/checkout.ts";
import { overlaid, shippedProd, usersOwn } from "../test/pulumi/prod-file.ts";
import { homeIn } from "../test/e2e/running.ts";
import { findFolders } from "../toolchain/folders.ts";
import { exitCodeOf } from "./preview-exit.ts";
import type { Previewed } from "./preview-markdown.ts";

/** Stands in for Pulumi: it knows no stack, and its preview says what a real one said that was recorded. */
const PULUMI = `#!/bin/sh
case "$1 $2" in
  "version ") echo v3.230.0 ;;
  "stack ls") echo "[]" ;;
  preview*)
    while [ "$1" != --event-log ]; do shift; done
    cp "$RECORDED" "$2"
    echo "error: the canary of the log"
    exit "$ENDS" ;;
esac
`;
const PLUGINS = ["docker", "random", "kubernetes", "aws"];

let folder: string;
let checkout: Checkout;
let env: NodeJS.ProcessEnv;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-preview-"));
  checkout = copyCheckout();
  const bin = join(folder, "bin");
  program(bin, "pulumi", PULUMI);
  program(bin, "pulumi-language-nodejs", "#!/bin/sh\n");
  const home = homeIn(join(folder, "home"));
  env = { ...process.env, ...home, HOME: join(folder, "home"), PATH: [bin, process.env["PATH"]].join(delimiter) };
  for (const name of PLUGINS) {
    const { version } = JSON.parse(
      readFileSync(join(checkout.folder, `node_modules/@pulumi/${name}/package.json`), "utf8"),
    ) as { readonly version: string };
    const plugins = join(folder, "home/.pulumi/plugins", `resource-${name}-v${version}`);
    program(plugins, `pulumi-resource-${name}`, "#!/bin/sh\n");
  }
  const { state, config, cache } = findFolders(env);
  for (const path of [state, config, cache]) mkdirSync(path, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "broken.events"), readFileSync(recorded("refused")).subarray(0, 600));
});
afterAll(() => {
  checkout.remove();
  rmSync(folder, { recursive: true });
});

const recorded = (name: string) => join(checkout.folder, "ops/recorded", `${name}.events`);

function program(bin: string, name: string, text: string): void {
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, name), text);
  chmodSync(join(bin, name), 0o755);
}

interface Shown {
  readonly previews: readonly Previewed[];
}

/** `slipway preview` of a stack on AWS that may cost so much a month. */
function preview(monthlyUsd: number, { events, ends }: { events: string; ends: number }, ...words: string[]) {
  const whole = overlaid(overlaid(shippedProd(), usersOwn({ caBundle: "rds.pem" })), { budget: { monthlyUsd } });
  const config = Object.fromEntries(Object.entries(whole).map(([key, value]) => [`slipway:${key}`, value]));
  checkout.write("Pulumi.unit.yaml", stringify({ config }));
  const markdown = join(folder, "comment.md");
  const main = join(checkout.folder, "ops/main.ts");
  const args = [main, "preview", "--stack", "unit", "--markdown", markdown, "--json", ...words];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    ...{ cwd: checkout.folder, encoding: "utf8" },
    env: { ...env, RECORDED: events, ENDS: String(ends) },
  });
  const { result } = JSON.parse(stdout) as { readonly result: Shown };
  return { status, log: stderr, shown: result.previews[0], comment: readFileSync(markdown, "utf8") };
}

describe("slipway preview, on a stand-in for Pulumi", () => {
  it("ends with 4 where it costs more than it may, and with --allow-over-budget with 0", () => {
    const good = { events: recorded("preview"), ends: 0 };
    expect(preview(100_000, good).status).toBe(0);
    const over = preview(1, good);
    expect(over.comment).toContain("**Over budget: ");
    expect(over.status).toBe(4);
    expect(preview(1, good, "--allow-over-budget").status).toBe(0);
  });

  it("that mandatory policies refuse ends with 1, and tells all that it would tell", () => {
    const { status, shown, comment, log } = preview(1, { events: recorded("refused"), ends: 1 }, "--allow-over-budget");
    expect(status).toBe(1);
    expect(log).toContain("refused by mandatory policies");
    expect(shown).toMatchObject({ changes: [{ name: "redis" }, { name: "redis" }], cost: { unpriced: [] } });
    const violation = {
      ...{ enforcementLevel: "mandatory", policyName: "probed" },
      message: expect.stringContaining("asked whether it is healthy") as string,
      resourceUrn: expect.stringMatching(/Container::redis$/) as string,
    };
    expect(shown).toHaveProperty("policies", expect.arrayContaining([expect.objectContaining(violation)]));
    for (const part of [
      "**Refused: 7 violations",
      "policy `probed` (mandatory) of `redis`",
      "Costs $",
      "create `redis`",
    ])
      expect(comment).toContain(part);
  });

  it("that failed for another reason ends with 1, tells what it costs, and why in the log of the run alone", () => {
    const { status, shown, comment } = preview(100_000, { events: join(folder, "broken.events"), ends: 255 });
    expect(status).toBe(1);
    expect(shown).toMatchObject({ failure: expect.stringContaining("canary of the log") as string });
    expect(comment).toContain("**The preview failed.** The log of the run says why.\n\nCosts $");
    expect(comment).not.toContain("canary");
  });
});

describe("of several stacks", () => {
  const cost = (least: number) => ({
    ...{ lines: [], least, most: least, gpuHours: [], unpriced: [], budgetUsd: 10 },
  });
  const good = { stack: "a", isNew: false, isSealed: false, changes: [], unchanged: 1, policies: [] };
  const over = { ...good, cost: cost(11) };
  const refused = { ...good, policies: [{ policyName: "p", enforcementLevel: "mandatory", message: "m" }] };
  const advised = { ...good, policies: [{ policyName: "p", enforcementLevel: "advisory", message: "m" }] };
  const failed = { stack: "b", failure: "why" };

  it.each([
    [0, [good, advised, { ...good, cost: cost(10) }]],
    [4, [good, over]],
    [1, [over, refused]],
    [1, [failed, over]],
    [1, [good, refused]],
    [1, [{ ...failed, cost: cost(11) }]],
  ])("it ends with %i, and over budget alone can be allowed", (code, previews) => {
    expect(exitCodeOf(previews, false)).toBe(code);
    expect(exitCodeOf(previews, true)).toBe(code === 4 ? 0 : code);
  });
});
