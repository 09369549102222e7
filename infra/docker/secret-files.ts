import { createHmac } from "node:crypto";
import { Container, Volume } from "@pulumi/docker";
import { RandomPassword } from "@pulumi/random";
import { all, output, unsecret, type ComponentResource, type Input, type Output } from "@pulumi/pulumi";
import { labels, SERVICE_LABEL } from "./labels.ts";

/** Folder in which every process finds its secrets. */
export const SECRETS_FOLDER = "/run/secrets";

export interface SecretFilesArgs {
  /** The service that reads them. */
  readonly service: string;
  /** Secrets by file name. */
  readonly files: Readonly<Record<string, Input<string>>>;
  /** Owner of the files: the user of the service's processes. */
  readonly uid: number;
  /** Image of the holder; it is never started. */
  readonly image: Input<string>;
  /** Key under which contents are compared; see `fingerprintKey`. */
  readonly key: Output<string>;
  readonly parent: ComponentResource;
}

/** A key that lives in the state, encrypted: fingerprints made with it say nothing of what they stand for. */
export function fingerprintKey(parent: ComponentResource): Output<string> {
  return new RandomPassword("secret-fingerprints", { length: 40, special: false }, { parent }).result;
}

/**
 * A volume with one service's secrets, each a file of mode 0400 owned by the service's user.
 *
 * The engine refuses uploads into a container whose root is read-only, and an environment value would show in
 * `docker inspect`. So a container that is created but never started holds the volume, and the files are uploaded
 * through it: no process ever runs, and no command line, environment or image layer has them. Other contents are
 * another volume beside the first, as the processes that run still read theirs.
 *
 * @returns the volume's name
 */
export function secretFiles(args: SecretFilesArgs): Output<string> {
  const { service, parent } = args;
  const volume = new Volume(
    `secrets-${service}`,
    { labels: fingerprintLabels(args) },
    { parent, deleteBeforeReplace: false },
  );
  const holder = new Container(
    `secrets-${service}`,
    {
      image: args.image,
      start: false,
      mustRun: false,
      networkMode: "none",
      mounts: [{ type: "volume", target: SECRETS_FOLDER, source: volume.name }],
      uploads: Object.entries(args.files).map(([name, content]) => ({
        file: `${SECRETS_FOLDER}/${name}`,
        content,
        permissions: "0400",
        owner: String(args.uid),
        group: String(args.uid),
      })),
      labels: labels({ [SERVICE_LABEL]: `secrets-${service}` }),
    },
    { parent, deleteBeforeReplace: false },
  );
  // The name is known only when the files are there: who mounts it waits for them.
  return all([volume.name, holder.id]).apply(([name]) => name);
}

function fingerprintLabels({ service, files, key }: SecretFilesArgs) {
  const fingerprint = unsecret(
    all([key, output(files)]).apply(([secret, contents]) =>
      createHmac("sha256", secret).update(JSON.stringify(contents)).digest("hex").slice(0, 16),
    ),
  );
  return fingerprint.apply((print) => labels({ [SERVICE_LABEL]: service, "slipway.secrets": print }));
}
