import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { shellQuote } from "../../toolchain/env.ts";
import type { KubernetesAccess } from "../../toolchain/aws/front-eks-clusters.ts";

/** The real node of `make cluster` in the place of an EKS cluster. */
export interface EksNode {
  /** What the simulated EKS says of every cluster. */
  readonly access: KubernetesAccess;
  /** Folder for PATH with an `aws` that gives the node's own credentials, whoever asks for a token. */
  readonly path: string;
  remove(): void;
}

const kubeconfigSchema = z.object({
  clusters: z.tuple([z.object({ cluster: z.object({ server: z.string(), "certificate-authority": z.string() }) })]),
  users: z.tuple([z.object({ user: z.object({ "client-certificate": z.string(), "client-key": z.string() }) })]),
});

/** @param kubeconfig path of the node's own */
export function eksNode(kubeconfig: string): EksNode {
  const { clusters, users } = kubeconfigSchema.parse(JSON.parse(readFileSync(kubeconfig, "utf8")));
  const [{ cluster }] = clusters;
  const [{ user }] = users;
  const path = mkdtempSync(join(tmpdir(), "slipway-eks-"));
  const credential = {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: {
      clientCertificateData: readFileSync(user["client-certificate"], "utf8"),
      clientKeyData: readFileSync(user["client-key"], "utf8"),
    },
  };
  writeFileSync(join(path, "credential.json"), JSON.stringify(credential), { mode: 0o600 });
  writeFileSync(join(path, "aws"), `#!/bin/sh\nexec cat ${shellQuote(join(path, "credential.json"))}\n`);
  chmodSync(join(path, "aws"), 0o700);
  return {
    access: { endpoint: cluster.server, ca: readFileSync(cluster["certificate-authority"]).toString("base64") },
    path,
    remove: () => {
      rmSync(path, { recursive: true });
    },
  };
}
