import { homedir } from "node:os";
import type { KubeConfig } from "@kubernetes/client-node";
import { kubeconfigPath } from "./kubeconfig.ts";

/** Which cluster a stack's file means. */
export interface Where {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** Content of a kubeconfig, before `kubeconfig`, which is a path. */
  readonly content?: string | undefined;
}

/**
 * The way to a cluster for the program itself, beside the provider's.
 *
 * @throws Error where the kubeconfig cannot be read
 */
export async function clusterClient({ kubeconfig: path, context, content }: Where): Promise<KubeConfig> {
  // It takes its time to load, and not every stack asks.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  try {
    if (content !== undefined) config.loadFromString(content);
    else if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfigPath(path).replace(/^~\//, `${homedir()}/`));
  } catch {
    // Parsers quote what they read, and that may hold keys.
    throw new Error(`its kubeconfig ${path === undefined ? "" : `${path} `}cannot be read`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}
