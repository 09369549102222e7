import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../command.ts";
import { API_URL, CLUSTER_NAME, NETWORK, NODE, type Layout } from "./layout.ts";

/** Days that a certificate holds; the cluster is for tests, and is made anew in seconds. */
const DAYS = 3650;

interface Certificate {
  /** Who it speaks for: name and group, as the API server reads them. */
  readonly subject: string;
  /** Names and addresses that it serves under. */
  readonly names?: readonly string[];
}

const MACHINE = [`IP:${NETWORK.machine}`, "IP:127.0.0.1"];
const API_NAMES = [
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
];

/** Who the API server is towards programs that answer a part of the API; they believe nobody else who it asks for. */
export const FRONT_PROXY = "front-proxy";
/** Names of the services behind which such programs are. */
const KEDA_SERVICE = "keda-metrics-apiserver.keda.svc";
const METRICS_SERVICE = "metrics-server.kube-system.svc";

/** Every certificate of the cluster, by the name of its files. */
const CERTIFICATES = {
  etcd: { subject: "/CN=etcd", names: MACHINE },
  "api-etcd": { subject: "/CN=kube-apiserver" },
  api: {
    subject: "/CN=kube-apiserver",
    names: [...MACHINE, `IP:${NETWORK.firstService}`, ...API_NAMES.map((name) => `DNS:${name}`)],
  },
  "api-kubelet": { subject: "/O=system:masters/CN=kube-apiserver-kubelet-client" },
  kubelet: { subject: `/O=system:nodes/CN=system:node:${NODE}`, names: [...MACHINE, `DNS:${NODE}`] },
  "controller-manager": { subject: "/CN=system:kube-controller-manager" },
  scheduler: { subject: "/CN=system:kube-scheduler" },
  proxy: { subject: "/CN=system:kube-proxy" },
  admin: { subject: "/O=system:masters/CN=admin" },
  "front-proxy": { subject: `/CN=${FRONT_PROXY}` },
  keda: { subject: "/CN=keda", names: [...MACHINE, `DNS:${KEDA_SERVICE}`] },
  "metrics-server": { subject: "/CN=metrics-server", names: [...MACHINE, `DNS:${METRICS_SERVICE}`] },
} as const satisfies Record<string, Certificate>;

export type CertificateName = keyof typeof CERTIFICATES;

/** Programs that come to the API server with a kubeconfig of their own. */
const CLIENTS = ["kubelet", "controller-manager", "scheduler", "proxy"] as const satisfies CertificateName[];

/** Programs that are told a folder in place of files. */
const FOLDERS = ["keda"] as const satisfies CertificateName[];

/** Paths of a certificate and its key. */
export function filesOf(
  { pki }: Layout,
  name: CertificateName | "ca",
): { readonly cert: string; readonly key: string } {
  return { cert: join(pki, `${name}.crt`), key: join(pki, `${name}.key`) };
}

/** Path of the key that service accounts' tokens are signed with. */
export function tokenKey({ pki }: Layout): string {
  return join(pki, "service-accounts.key");
}

/** Path of the kubeconfig of one of the cluster's own programs. */
export function kubeconfigOf({ pki }: Layout, client: (typeof CLIENTS)[number]): string {
  return join(pki, `${client}.kubeconfig`);
}

/** Path of the folder in which a program finds its certificate under the names that Secrets have: ca.crt, tls.crt and tls.key. */
export function folderOf({ pki }: Layout, name: (typeof FOLDERS)[number]): string {
  return join(pki, name);
}

/** Makes what is missing: an authority, certificates, and kubeconfigs that name them. */
export async function ensureCertificates(layout: Layout): Promise<void> {
  const ca = filesOf(layout, "ca");
  if (!existsSync(ca.cert))
    await openssl(
      "req",
      "-x509",
      ...NEW_KEY,
      ca.key,
      "-days",
      String(DAYS),
      "-subj",
      `/CN=${CLUSTER_NAME}`,
      "-out",
      ca.cert,
    );
  if (!existsSync(tokenKey(layout))) await openssl("genrsa", "-out", tokenKey(layout), "2048");
  for (const [name, certificate] of Object.entries(CERTIFICATES))
    await ensure(layout, name as CertificateName, certificate);
  for (const name of FOLDERS) fillFolder(layout, name);
  for (const client of CLIENTS) writeKubeconfig(layout, kubeconfigOf(layout, client), client);
  writeKubeconfig(layout, layout.kubeconfig, "admin");
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"];

async function ensure(layout: Layout, name: CertificateName, { subject, names = [] }: Certificate): Promise<void> {
  const { cert, key } = filesOf(layout, name);
  if (existsSync(cert)) return;
  const ca = filesOf(layout, "ca");
  const request = `${cert}.csr`;
  const extensions = `${cert}.ext`;
  await openssl("req", "-new", ...NEW_KEY, key, "-subj", subject, "-out", request);
  chmodSync(key, 0o600);
  const uses = `keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n`;
  writeFileSync(extensions, names.length === 0 ? uses : `${uses}subjectAltName=${names.join(",")}\n`);
  const signed = ["-CA", ca.cert, "-CAkey", ca.key, "-CAcreateserial", "-days", String(DAYS), "-extfile", extensions];
  await openssl("x509", "-req", "-in", request, ...signed, "-out", cert);
}

function fillFolder(layout: Layout, name: (typeof FOLDERS)[number]): void {
  const folder = folderOf(layout, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { cert, key } = filesOf(layout, name);
  copyFileSync(filesOf(layout, "ca").cert, join(folder, "ca.crt"));
  copyFileSync(cert, join(folder, "tls.crt"));
  copyFileSync(key, join(folder, "tls.key"));
}

async function openssl(...args: readonly string[]): Promise<void> {
  await runCommand("openssl", args);
}

/** A kubeconfig is YAML, and JSON is that too. */
function writeKubeconfig(layout: Layout, path: string, client: CertificateName): void {
  const { cert, key } = filesOf(layout, client);
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: CLUSTER_NAME, cluster: { server: API_URL, "certificate-authority": filesOf(layout, "ca").cert } },
    ],
    users: [{ name: client, user: { "client-certificate": cert, "client-key": key } }],
    contexts: [{ name: CLUSTER_NAME, context: { cluster: CLUSTER_NAME, user: client } }],
    "current-context": CLUSTER_NAME,
  };
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
