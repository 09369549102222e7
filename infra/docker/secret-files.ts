import { createHmac } from "node:crypto";
import { Container, Volume, type ContainerArgs } from "@pulumi/docker";
import { RandomPassword } from "@pulumi/random";
import {
  all,
  getProject,
  getStack,
  output,
  unsecret,
  type ComponentResource,
  type Input,
  type Output,
  type Resource,
} from "@pulumi/pulumi";
import { SECRETS_FOLDER } from "../contract.ts";
import { labels, SERVICE_LABEL } from "./labels.ts";

export interface SecretFilesArgs {
  /** The service that reads them. */
  readonly service: string;
  /** Secrets by file name. */
  readonly files: Readonly<Record<string, Input<string>>>;
  /** Owner of the files: the user of the service's processes. */
  readonly uid: number;
  /** An image with `chown`: the service's own may have no such program. */
  readonly image: Input<string>;
  /** Key under which contents are compared; see `fingerprintKey`. */
  readonly key: Output<string>;
  readonly parent: ComponentResource;
}

/** A key that lives in the state, encrypted: fingerprints made with it say nothing of what they stand for. */
export function fingerprintKey(parent: ComponentResource): Output<string> {
  return new RandomPassword("secret-fingerprints", { length: 40, special: false }, { parent }).result;
}

/** The volume of one service's secrets, and the container that wrote it: who mounts it waits for that. */
export interface SecretVolume {
  readonly name: Output<string>;
  readonly writer: Resource;
}

/**
 * A volume with one service's secrets, each a file of mode 0400 owned by the service's user.
 *
 * The engine refuses uploads into a container whose root is read-only, and an environment value would show in
 * `docker inspect`. So a short-lived container mounts the volume before the service does: the files are uploaded
 * through it, it gives them to the service's user, and exits. No command line, environment or image layer has them.
 * Other contents are another volume beside the first, as the processes that run still read theirs.
 */
export function secretFiles(args: SecretFilesArgs): SecretVolume {
  const { service, parent } = args;
  const beside = { parent, deleteBeforeReplace: false };
  const volume = new Volume(`secrets-${service}`, { labels: fingerprintLabels(args) }, beside);
  const writer = new Container(
    `secrets-${service}`,
    {
      ...writerArgs(args),
      mounts: [{ type: "volume", target: SECRETS_FOLDER, source: volume.name }],
      ...contents(args.files, SECRETS_FOLDER),
      labels: labels({ [SERVICE_LABEL]: `secrets-${service}` }),
    },
    beside,
  );
  return { name: volume.name, writer };
}

/** Where the contents of {@link mutableSecretFiles} come in. */
const INCOMING = ".next";

/**
 * Moves what came in over what is there, each file at once, so that a reader finds the old one or the new one. Names are its arguments; what is
 * not among them is removed.
 */
const TAKE_IN = `set -eu
cd ${SECRETS_FOLDER}
owner=$1
shift
for name; do chown "$owner" "${INCOMING}/$name"; mv -f "${INCOMING}/$name" "$name"; done
for file in * .[!.]*; do
  keep=
  for name; do if [ "$file" = "$name" ]; then keep=yes; fi; done
  if [ -z "$keep" ]; then rm -rf "$file"; fi
done`;

/**
 * The same for a service whose container must not be replaced, which reads its files again by itself: one volume, whose contents change in
 * place. The writer goes before its successor comes: a deploy that is killed in between leaves no state that speaks of contents which are
 * not there any more.
 */
export function mutableSecretFiles(args: Omit<SecretFilesArgs, "key">): SecretVolume {
  const { service, parent, files, uid } = args;
  const volume = new Volume(
    `secrets-${service}`,
    {
      name: `${getProject()}-${getStack()}-secrets-${service}`,
      labels: labels({ [SERVICE_LABEL]: service }),
    },
    { parent },
  );
  const writer = new Container(
    `secrets-${service}`,
    {
      ...writerArgs(args),
      entrypoints: ["/bin/bash", "-c", TAKE_IN, "secrets"],
      command: [`${uid}:${uid}`, ...Object.keys(files).sort()],
      ...contents(files, `${SECRETS_FOLDER}/${INCOMING}`),
      mounts: [{ type: "volume", target: SECRETS_FOLDER, source: volume.name }],
      labels: labels({ [SERVICE_LABEL]: `secrets-${service}` }),
    },
    { parent, deleteBeforeReplace: true },
  );
  return { name: volume.name, writer };
}

function contents(files: SecretFilesArgs["files"], folder: string): Pick<ContainerArgs, "uploads"> {
  return {
    uploads: Object.entries(files).map(([name, content]) => ({
      file: `${folder}/${name}`,
      content,
      permissions: "0400",
    })),
  };
}

/** Root without any capability but the one it needs, without a network, and gone when the creation returns. */
function writerArgs({ image, uid }: Omit<SecretFilesArgs, "key">): ContainerArgs {
  return {
    image,
    entrypoints: ["/usr/bin/chown"],
    command: ["--recursive", `${uid}:${uid}`, SECRETS_FOLDER],
    user: "0:0",
    networkMode: "none",
    capabilities: { adds: ["CAP_CHOWN"], drops: ["ALL"] },
    securityOpts: ["no-new-privileges"],
    attach: true,
    mustRun: false,
    restart: "no",
  };
}

function fingerprintLabels({ service, files, key }: SecretFilesArgs) {
  const fingerprint = unsecret(
    all([key, output(files)]).apply(([secret, contents]) =>
      createHmac("sha256", secret).update(JSON.stringify(contents)).digest("hex").slice(0, 16),
    ),
  );
  return fingerprint.apply((print) => labels({ [SERVICE_LABEL]: service, "slipway.secrets": print }));
}
