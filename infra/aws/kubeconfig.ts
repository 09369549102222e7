export interface KubeconfigArgs {
  /** Name of the cluster. */
  readonly name: string;
  /** URL of the Kubernetes API. */
  readonly server: string;
  /** Authority of its certificate, PEM in base64. */
  readonly ca: string;
  readonly region: string;
}

/**
 * A kubeconfig that asks AWS's own program for a token each time. It holds no secret, and no profile: credentials are those of the process that
 * uses it.
 */
export function kubeconfig({ name, server, ca, region }: KubeconfigArgs): string {
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "aws",
    args: ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"],
    interactiveMode: "Never",
    provideClusterInfo: false,
  };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": ca } }],
    users: [{ name, user: { exec } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  });
}
