import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { textAt, UNKNOWN, type JsonObject } from "./wire.ts";

/** Inputs of the provider that this plugin acts on. */
const KNOWN = ["kubeconfig", "context", "cluster", "namespace", "enableServerSideApply"] as const;

/** Inputs of the official plugin that change nothing here. */
const HARMLESS = [
  ...[
    "suppressDeprecationWarnings",
    "suppressHelmHookWarnings",
    "suppressHelmReleaseBetaWarning",
    "helmReleaseSettings",
  ],
  ...[
    "kubeClientSettings",
    "enableConfigMapMutable",
    "enableSecretMutable",
    "deleteUnreachable",
    "skipUpdateUnreachable",
  ],
  ...[
    "clusterIdentifier",
    "renderYamlToDirectory",
    "alwaysRender",
    "enableReplaceCRD",
    "upsert",
    "version",
    "pluginDownloadURL",
    "__internal",
  ],
] as const;

/** How the cluster is reached. */
export interface Settings {
  /** Undefined while it is not known, in the preview of a stack that makes its cluster. */
  readonly kubeconfig: KubeConfig | undefined;
  /** Namespace of objects that name none. */
  readonly namespace: string;
  /** Words for messages: where it came from. */
  readonly source: string;
}

/** What is wrong with the provider's inputs. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Inputs that are refused, with what to do instead. */
export function inputFaults(inputs: JsonObject): { readonly input: string; readonly reason: string }[] {
  const names = Object.keys(inputs).filter((name) => inputs[name] !== undefined && inputs[name] !== null);
  const unknown = names.filter((name) => ![...KNOWN, ...HARMLESS].some((known) => known === name));
  const faults = unknown.map((input) => ({
    input,
    reason: `${input} is no input of the Kubernetes provider; allowed are ${KNOWN.join(", ")}.`,
  }));
  if (textAt(inputs, "renderYamlToDirectory") !== undefined)
    faults.push({
      input: "renderYamlToDirectory",
      reason: "renderYamlToDirectory needs the official plugin: this one speaks to a cluster.",
    });
  if (textAt(inputs, "enableServerSideApply") === "false")
    faults.push({
      input: "enableServerSideApply",
      reason: "enableServerSideApply is false; this plugin knows server-side apply alone. Leave it out.",
    });
  return faults;
}

/**
 * Reads the provider's inputs: `kubeconfig` is a path or the content itself; left out, it is what KUBECONFIG names, then the user's own.
 *
 * @throws ConfigError naming the input
 */
export function readSettings(inputs: JsonObject): Settings {
  const namespace = textAt(inputs, "namespace") ?? "default";
  const text = textAt(inputs, "kubeconfig");
  const context = textAt(inputs, "context");
  const cluster = textAt(inputs, "cluster");
  if (text === UNKNOWN || context === UNKNOWN || cluster === UNKNOWN)
    return { kubeconfig: undefined, namespace, source: "kubeconfig" };
  const { kubeconfig, source } = load(text);
  if (context !== undefined) {
    const contexts = kubeconfig.getContexts().map(({ name }) => name);
    if (!contexts.includes(context))
      throw new ConfigError(
        `context is ${JSON.stringify(context)}, which ${source} does not have; it has: ${contexts.join(", ") || "none"}.`,
      );
    kubeconfig.setCurrentContext(context);
  }
  if (kubeconfig.getCurrentCluster() === null)
    throw new ConfigError(
      `${source} has no current context with a cluster. Name one: context is one of ${
        kubeconfig
          .getContexts()
          .map(({ name }) => name)
          .join(", ") || "none"
      }.`,
    );
  const own = kubeconfig.getContextObject(kubeconfig.getCurrentContext())?.namespace;
  return { kubeconfig, namespace: textAt(inputs, "namespace") ?? own ?? "default", source };
}

function load(text: string | undefined): { readonly kubeconfig: KubeConfig; readonly source: string } {
  const kubeconfig = new KubeConfig();
  if (text === undefined || text === "") {
    const path = process.env["KUBECONFIG"] ?? join(homedir(), ".kube/config");
    if (!path.split(":").some((one) => existsSync(one)))
      throw new ConfigError(
        `kubeconfig is not given, and there is none at ${path}. Give a path or its content as kubeconfig.`,
      );
    kubeconfig.loadFromDefault();
    return { kubeconfig, source: path };
  }
  const isPath = !text.includes("\n") && !text.trimStart().startsWith("{") && !text.includes(": ");
  if (isPath && !existsSync(expand(text)))
    throw new ConfigError(
      `kubeconfig is ${JSON.stringify(text)}, and there is no such file. Give the path of one, or its content.`,
    );
  const source = isPath ? text : "the kubeconfig that was given";
  try {
    if (isPath) kubeconfig.loadFromFile(expand(text));
    else kubeconfig.loadFromString(text);
  } catch (error) {
    // The text itself may hold keys, and parsers quote it.
    throw new ConfigError(
      `kubeconfig cannot be read (${isPath ? text : `${text.length} characters`}): it is no YAML or JSON of a kubeconfig.`,
      { cause: isPath ? error : undefined },
    );
  }
  return { kubeconfig, source };
}

function expand(path: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}
