import { createServer, type Server } from "node:https";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import type { Cluster } from "../../toolchain/cluster/access.ts";
import { NETWORK } from "../../toolchain/cluster/layout.ts";
import { AUDIENCE, CREDENTIALS_URL } from "./pod-identity-agent.ts";
import type { TestAuthority } from "./test-authority.ts";

/**
 * EKS' webhook that tells pods where credentials are, simulated: a real admission webhook of the real API server. What is the test's own it adds too:
 * where the simulated AWS answers, and the authority of the servers that stand for AWS' own.
 */
export interface PodIdentityWebhook {
  end(): Promise<void>;
}

export interface PodIdentityWebhookOptions {
  readonly authority: TestAuthority;
  readonly cluster: Pick<Cluster, "apply" | "kubectl">;
  /** Its pods alone are changed. */
  readonly namespace: string;
  readonly region: string;
  /** Where pods find the simulated AWS. */
  readonly endpoint: string;
}

const NAME = "simulated-pod-identity";
const TOKEN = { folder: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount", file: "eks-pod-identity-token" };
const AUTHORITY = { folder: "/var/run/simulated-aws", file: "ca.crt", annotation: "simulated-aws/authority" };

const containerSchema = z.object({
  env: z.array(z.unknown()).default([]),
  volumeMounts: z.array(z.unknown()).default([]),
});
const reviewSchema = z.object({
  request: z.object({
    uid: z.string(),
    object: z.object({
      metadata: z.object({ annotations: z.record(z.string(), z.string()).default({}) }),
      spec: z.object({
        containers: z.array(containerSchema),
        initContainers: z.array(containerSchema).default([]),
        volumes: z.array(z.unknown()).default([]),
      }),
    }),
  }),
});

export async function startPodIdentityWebhook(options: PodIdentityWebhookOptions): Promise<PodIdentityWebhook> {
  const { cert, key } = options.authority.sign("webhook", [`IP:${NETWORK.machine}`]);
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const answer = review(reviewSchema.parse(JSON.parse(Buffer.concat(parts).toString("utf8"))), options);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, NETWORK.machine, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await options.cluster.apply([configuration(options, `https://${NETWORK.machine}:${port}/`)]);
  return {
    end: async () => {
      await options.cluster.kubectl("delete", "mutatingwebhookconfiguration", NAME, "--ignore-not-found");
      await close(server);
    },
  };
}

function configuration({ authority, namespace }: PodIdentityWebhookOptions, url: string): object {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: NAME },
    webhooks: [
      {
        name: `${NAME}.slipway.test`,
        clientConfig: { url, caBundle: Buffer.from(authority.pem).toString("base64") },
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        ...{ admissionReviewVersions: ["v1"], sideEffects: "None", timeoutSeconds: 10, failurePolicy: "Fail" },
      },
    ],
  };
}

function review({ request }: z.infer<typeof reviewSchema>, options: PodIdentityWebhookOptions): object {
  const patch = Buffer.from(JSON.stringify(changes(request.object, options))).toString("base64");
  return {
    ...{ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" },
    response: { uid: request.uid, allowed: true, patchType: "JSONPatch", patch },
  };
}

/** As JSON Patch: whole lists, so that one that is missing is no other case. */
function changes(
  { metadata, spec }: z.infer<typeof reviewSchema>["request"]["object"],
  { authority, region, endpoint }: PodIdentityWebhookOptions,
): readonly object[] {
  const env = Object.entries({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: CREDENTIALS_URL,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${TOKEN.folder}/${TOKEN.file}`,
    ...{ AWS_REGION: region, AWS_DEFAULT_REGION: region, AWS_STS_REGIONAL_ENDPOINTS: "regional" },
    ...{ AWS_ENDPOINT_URL: endpoint, AWS_ENDPOINT_URL_S3: endpoint },
    NODE_EXTRA_CA_CERTS: `${AUTHORITY.folder}/${AUTHORITY.file}`,
  }).map(([name, value]) => ({ name, value }));
  const mounts = [
    { name: TOKEN.file, mountPath: TOKEN.folder, readOnly: true },
    { name: NAME, mountPath: AUTHORITY.folder, readOnly: true },
  ];
  const lists = (kind: "containers" | "initContainers") =>
    spec[kind].flatMap((container, index) => [
      { op: "add", path: `/spec/${kind}/${index}/env`, value: [...container.env, ...env] },
      { op: "add", path: `/spec/${kind}/${index}/volumeMounts`, value: [...container.volumeMounts, ...mounts] },
    ]);
  const annotations = { ...metadata.annotations, [AUTHORITY.annotation]: authority.pem };
  return [
    { op: "add", path: "/metadata/annotations", value: annotations },
    { op: "add", path: "/spec/volumes", value: [...spec.volumes, ...volumes()] },
    ...lists("containers"),
    ...lists("initContainers"),
  ];
}

function volumes(): readonly object[] {
  const token = { audience: AUDIENCE, expirationSeconds: 86_400, path: TOKEN.file };
  const authority = {
    path: AUTHORITY.file,
    fieldRef: { fieldPath: `metadata.annotations['${AUTHORITY.annotation}']` },
  };
  return [
    { name: TOKEN.file, projected: { sources: [{ serviceAccountToken: token }] } },
    { name: NAME, downwardAPI: { items: [authority] } },
  ];
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
