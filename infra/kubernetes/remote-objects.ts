import { Config, interpolate, type Input, type Output } from "@pulumi/pulumi";
import { PRIVATE_NETWORKS, type KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import { SECRETS_FOLDER } from "../contract.ts";
import type { RemoteObjects } from "./surroundings.ts";

/** What a program's pod has beyond others to get at an object store over the network. */
export interface ObjectAccess {
  readonly environment: Readonly<Record<string, Input<string>>>;
  /** Secrets by file name. */
  readonly secrets: Readonly<Record<string, Input<string>>>;
  /** Of its account. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** An object store that exists already, and how pods get at it. */
export interface ExistingObjects extends RemoteObjects {
  readonly access: ObjectAccess;
}

/** Pods that have no credentials of their own must not look for the node's: nothing lets them there, and they would wait. */
const NO_NODE_ROLE = { AWS_EC2_METADATA_DISABLED: "true" };

/** Name of the file as the clients of S3 read it. */
const CREDENTIALS_FILE = "objects-credentials";

/** S3 has no addresses that a policy could name. */
export const ANYWHERE = "0.0.0.0/0";

/**
 * The object store that the stack's file names.
 *
 * @returns `undefined` where it names none
 */
export function existingObjects(settings: KubernetesSettings["objects"]): ExistingObjects | undefined {
  const { url, region, endpoint, serviceAccountAnnotations: annotations = {} } = settings;
  // The file was refused before where one is there without the other.
  if (url === undefined || region === undefined) return undefined;
  const { cidrs = endpoint === undefined ? [ANYWHERE] : PRIVATE_NETWORKS } = settings;
  const port = portOf(endpoint);
  const content = credentials();
  return {
    url,
    peers: cidrs.map((cidr) => ({ cidr, port })),
    access: {
      environment: {
        ...{ AWS_REGION: region, ...NO_NODE_ROLE },
        ...(endpoint === undefined ? {} : { AWS_ENDPOINT_URL_S3: endpoint }),
        ...(content && { AWS_SHARED_CREDENTIALS_FILE: `${SECRETS_FOLDER}/${CREDENTIALS_FILE}` }),
      },
      secrets: content ? { [CREDENTIALS_FILE]: content } : {},
      annotations,
    },
  };
}

/**
 * Keys of the bucket as AWS's own programs read them from a file: the environment would show them to whoever may see a pod. No spaces
 * around `=`: a `#` after one would begin a comment.
 */
function credentials(): Output<string> | undefined {
  const config = new Config();
  const id = config.getSecret("objectsAccessKeyId");
  const key = config.getSecret("objectsSecretAccessKey");
  if (id === undefined || key === undefined) return undefined;
  return interpolate`[default]\naws_access_key_id=${id}\naws_secret_access_key=${key}\n`;
}

/** Port of an endpoint; of S3 itself where there is none. */
export function portOf(endpoint: string | undefined): number {
  if (endpoint === undefined) return 443;
  const { port, protocol } = new URL(endpoint);
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}
