import { getStack, interpolate, type Output } from "@pulumi/pulumi";
import { dataSettings } from "../configs/stack-backup.ts";
import type { StackConfig } from "../configs/stack.ts";
import type { AskedService } from "../infra/contract.ts";
import { credentialSlots, type Credentials } from "../configs/credential-slots.ts";
import { dockerConnectionUsers, MAX_CONNECTIONS } from "../infra/docker/connections.ts";
import { decideGpu, engineRuntimes } from "../infra/docker/gpu.ts";
import { DockerPlatform } from "../infra/docker/platform.ts";
import { assertConnectionBudget } from "../infra/plan/connection-budget.ts";
import { backupSecrets, stackSecrets } from "../infra/secrets.ts";
import { describeServices } from "../infra/services.ts";

/** What `pulumi stack output` says of a stack on a Docker engine. */
export interface DevOutputs {
  /** Where the API answers. */
  readonly url: Output<string>;
  /** The API's docs page. */
  readonly docsUrl: Output<string>;
  /** The release that serves, by service. */
  readonly serving: Output<Record<string, string>>;
  /** Images and numbers that it was asked for with; a deploy compares what runs with them. */
  readonly asked: Output<Record<string, AskedService>>;
  /** What tokens are signed with; secret, `make token` reads it. */
  readonly jwtKeys: Output<string>;
  /** How the slots of credentials stand; `slipway rotate` reads it. */
  readonly credentials: Credentials;
  /** The generation of data that serves. */
  readonly dataGeneration: string;
}

/** Everything on one Docker engine: a laptop, a build machine, or a small team's single GPU server. */
export async function dev(config: StackConfig): Promise<DevOutputs> {
  const hasGpu = decideGpu(config.gpu.mode, config.gpu.mode === "off" ? undefined : await engineRuntimes());
  assertConnectionBudget(getStack(), dockerConnectionUsers(config, hasGpu), MAX_CONNECTIONS);
  const secrets = stackSecrets(config.credentials);
  const platform = new DockerPlatform("docker", { config, secrets, backupSecrets: backupSecrets(), hasGpu });
  const keys = { jwt: secrets.jwtKeys, hmac: secrets.hmacKeys };
  const services = describeServices({ config, keys, aes: secrets.aes, ...platformParts(platform) });
  const migrated = platform.runOnce(services.migrate);
  const { url, serving, asked } = platform.release(services.running, [migrated]);
  const { generation: dataGeneration } = dataSettings(config.data);
  return {
    url,
    docsUrl: interpolate`${url}/docs`,
    serving,
    asked,
    jwtKeys: secrets.jwtSigning,
    credentials: credentialSlots(config.credentials),
    dataGeneration,
  };
}

function platformParts({ database, cache, objects, hasGpu }: DockerPlatform) {
  return { database, cache, objects, hasGpu };
}
