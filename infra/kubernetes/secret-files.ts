import { createHmac } from "node:crypto";
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import { all, interpolate, output, unsecret, type Input, type Output } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import { SECRETS_FOLDER } from "../contract.ts";
import { sorted } from "./digest.ts";
import { labels, options, type Place } from "./place.ts";

export interface SecretFilesArgs {
  /** The service that reads them. */
  readonly service: string;
  /** Secrets by file name. */
  readonly files: Readonly<Record<string, Input<string>>>;
  /** Key under which contents are compared; see `fingerprintKey`. */
  readonly key: Output<string>;
  readonly place: Place;
}

/** A key that lives in the state, encrypted: fingerprints made with it say nothing of what they stand for. */
export function fingerprintKey({ parent }: Pick<Place, "parent">): Output<string> {
  return new RandomPassword("secret-fingerprints", { length: 40, special: false }, { parent }).result;
}

/**
 * The Secret of one service. Nothing in it can change: other contents are another Secret beside it, under a name of its own, which
 * rolls the pods.
 *
 * @returns its name
 */
export function secretFiles({ service, files, key, place }: SecretFilesArgs): Output<string> {
  const made = new Secret(
    `secrets-${service}`,
    {
      metadata: {
        name: interpolate`${service}-${fingerprint(files, key)}`,
        namespace: place.namespace,
        labels: labels(service),
      },
      immutable: true,
      type: "Opaque",
      data: encoded(files),
    },
    options(place),
  );
  return made.metadata.name;
}

/** Name of the Secret of {@link mutableSecretFiles}, for pods: they must not wait for changes of it. */
export function mutableName(service: string): string {
  return `${service}-logins`;
}

/**
 * The same for files that change while a pod runs: a kubelet brings them in, and the pod's template has a name that stays. Whoever reads them
 * has to look at them again by itself.
 */
export function mutableSecretFiles({ service, files, place }: Omit<SecretFilesArgs, "key">): void {
  new Secret(
    `logins-${service}`,
    {
      metadata: { name: mutableName(service), namespace: place.namespace, labels: labels(service) },
      type: "Opaque",
      data: encoded(files),
    },
    options(place),
  );
}

function encoded(files: SecretFilesArgs["files"]): Record<string, Output<string>> {
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [name, base64(content)] as const));
}

/** The SDK seals all data of a Secret, whatever it is. */
function base64(content: Input<string>): Output<string> {
  return output(content).apply((text) => Buffer.from(text, "utf8").toString("base64"));
}

function fingerprint(files: SecretFilesArgs["files"], key: Output<string>): Output<string> {
  return unsecret(
    all([key, output(files)]).apply(([known, contents]) =>
      createHmac("sha256", known)
        .update(JSON.stringify(sorted(contents)))
        .digest("hex")
        .slice(0, 16),
    ),
  );
}

/**
 * The Secret as a pod's volume and where it stands. The kubelet writes files as root and gives them to the pod's group (`fsGroup`),
 * which may read them whatever the mode: 0400 becomes 0440, root and that group. No process asks for another mode, and
 * Postgres takes a key of root's that its group reads.
 *
 * @param changing name of another one, whose files lie beside its own and may change
 */
export function secretVolume(secretName: Input<string>, name: string, changing?: string) {
  const defaultMode = 0o400;
  const sources = [secretName, changing].map((one) => ({ secret: { name: one } }));
  return {
    volume:
      changing === undefined
        ? { name, secret: { secretName, defaultMode } }
        : { name, projected: { defaultMode, sources } },
    mount: { name, mountPath: SECRETS_FOLDER, readOnly: true },
  };
}
