import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { clusterStack, inputsOf, recordCluster, TYPES } from "../../test/pulumi/kubernetes.ts";
import { kubeconfigPath } from "./kubeconfig.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Where Pulumi runs program and provider. */
const STACKS = join(ROOT, "stacks");

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the path of a kubeconfig", () => {
  it("is meant from the folder of the stack's file, and holds no path of this machine", () => {
    expect(kubeconfigPath("Pulumi.yaml", STACKS)).toBe("../Pulumi.yaml");
    expect(existsSync(resolve(STACKS, kubeconfigPath("./Pulumi.yaml", STACKS)))).toBe(true);
    expect(kubeconfigPath("../beside.yaml", STACKS)).toBe("../../beside.yaml");
  });

  it.each(["/etc/cluster.yaml", "~/.kube/other"])("stays %s", (path) => {
    expect(kubeconfigPath(path, STACKS)).toBe(path);
  });

  it("reaches the provider that way", async () => {
    vi.spyOn(process, "cwd").mockReturnValue(STACKS);
    const stack = await recordCluster(clusterStack({ autoscaler: "none", kubeconfig: "clusters/mine.yaml" }));
    expect(inputsOf(stack, TYPES.provider, "cluster")["kubeconfig"]).toBe("../clusters/mine.yaml");
  });
});
