import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { inputFaults, readSettings } from "./configure.ts";
import { UNKNOWN } from "./wire.ts";

const folder = mkdtempSync(join(tmpdir(), "slipway-kubeconfig-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const content = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "one", cluster: { server: "https://one.test" } }],
  users: [{ name: "me", user: { token: "canary-token" } }],
  contexts: [
    { name: "first", context: { cluster: "one", user: "me", namespace: "mine" } },
    { name: "second", context: { cluster: "one", user: "me" } },
  ],
  "current-context": "first",
});

describe("kubeconfig", () => {
  it("is read from its content, or from a file", () => {
    const path = join(folder, "config");
    writeFileSync(path, content);
    for (const kubeconfig of [content, path]) {
      const settings = readSettings({ kubeconfig });
      expect([settings.kubeconfig?.getCurrentCluster()?.server, settings.namespace]).toEqual([
        "https://one.test",
        "mine",
      ]);
    }
  });

  it("gives another context and namespace where they are asked for", () => {
    expect(readSettings({ kubeconfig: content, context: "second" }).namespace).toBe("default");
    expect(readSettings({ kubeconfig: content, context: "second", namespace: "own" }).namespace).toBe("own");
  });

  it("may be unknown in the preview of a stack that makes its cluster", () => {
    expect(readSettings({ kubeconfig: UNKNOWN }).kubeconfig).toBeUndefined();
  });

  it.each([
    [{ kubeconfig: "/none/config" }, 'kubeconfig is "/none/config", and there is no such file'],
    [
      { kubeconfig: content, context: "third" },
      'context is "third", which the kubeconfig that was given does not have; it has: first, second.',
    ],
    [{ kubeconfig: '{"apiVersion": "v1", "clusters": []}' }, "has no current context with a cluster"],
    [{ kubeconfig: "{ token: canary-token, " }, "it is no YAML or JSON of a kubeconfig"],
  ])("%j is refused", (inputs, message) => {
    expect(() => readSettings(inputs)).toThrow(message);
    expect(() => readSettings(inputs)).not.toThrow("canary");
  });
});

it("refuses inputs that it does not know, and those that need the official plugin", () => {
  const faults = (inputs: Parameters<typeof inputFaults>[0]) => inputFaults(inputs).map(({ input }) => input);
  expect(faults({ kubeconfig: "x", enableServerSideApply: "true", suppressDeprecationWarnings: "true" })).toEqual([]);
  expect(faults({ kubecofnig: "x", enableServerSideApply: "false", renderYamlToDirectory: "y" })).toEqual([
    "kubecofnig",
    "renderYamlToDirectory",
    "enableServerSideApply",
  ]);
});
