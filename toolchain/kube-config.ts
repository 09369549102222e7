import { KubeConfig } from "@kubernetes/client-node";
import { messageOf } from "../configs/message.ts";
import { UserError } from "./command.ts";

export interface KubeConfigSource {
  /** Content; wins over the path. */
  readonly content?: string | undefined;
  /** @default KUBECONFIG, then the user's own */
  readonly path?: string | undefined;
  /** @default the current one */
  readonly context?: string | undefined;
}

/**
 * Reads the way to a cluster.
 *
 * @throws UserError where there is no such file or context
 */
export function loadKubeConfig({ content, path, context }: KubeConfigSource): KubeConfig {
  const config = new KubeConfig();
  try {
    if (content !== undefined) config.loadFromString(content);
    else if (path !== undefined) config.loadFromFile(path);
    else config.loadFromDefault();
  } catch (error) {
    const where = content === undefined ? (path ?? "KUBECONFIG") : "the secret kubeconfig";
    throw new UserError(`${where} is no kubeconfig: ${messageOf(error)}`);
  }
  if (context !== undefined) {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(context))
      throw new UserError(`The kubeconfig has no context ${JSON.stringify(context)}; it has: ${names.join(", ")}.`);
    config.setCurrentContext(context);
  }
  return config;
}
