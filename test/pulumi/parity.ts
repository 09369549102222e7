import { output } from "@pulumi/pulumi";
import type { ServiceSpec } from "../../infra/contract.ts";
import { known } from "./recorder.ts";

/**
 * What every platform must make of a service, whatever its words for it. Each platform's test turns what it recorded
 * into this shape and compares it with `promised`.
 */
export interface RenderedService {
  readonly image: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Contents of the files below SECRETS_DIR. */
  readonly secretFiles: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly probe: readonly string[];
  readonly replicas: number;
  readonly gpu: boolean;
  /** Folder of the host that holds the speech model. */
  readonly model: string | undefined;
}

/**
 * The same shape from the description alone.
 *
 * @param image what the platform calls the image of the spec
 */
export async function promised(spec: ServiceSpec, image: string): Promise<RenderedService> {
  return {
    image,
    command: spec.command,
    environment: await known(output(spec.environment)),
    secretFiles: await known(output(spec.secrets)),
    uid: spec.uid,
    memoryMiB: spec.limits.memoryMiB,
    cpus: spec.limits.cpus,
    probe: spec.health.command,
    replicas: spec.replicas,
    gpu: spec.gpu,
    model: spec.model,
  };
}
