import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { z } from "zod";

/** What RDS keeps of its master user. */
const masterSchema = z.object({ username: z.string().min(1), password: z.string().min(1) });
export type MasterUser = z.infer<typeof masterSchema>;

/** Milliseconds until a connection must stand, and until Secrets Manager must have answered. */
const CONNECT_MS = 3_000;
const ANSWER_MS = 10_000;

/**
 * Reads who may do everything in a database of RDS. RDS changes the password by itself, so it is asked for each time.
 *
 * @param arn of the secret; region and credentials come from where AWS's own programs take them
 * @throws Error naming the secret, never its content
 */
export async function readMasterUser(arn: string): Promise<MasterUser> {
  const requestHandler = { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS };
  const client = new SecretsManagerClient({ requestHandler });
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
    return masterSchema.parse(JSON.parse(SecretString ?? "null"));
  } catch (error) {
    const reason = error instanceof SyntaxError || error instanceof z.ZodError ? "holds no username and password" : "";
    throw new Error(`secret ${arn}: ${reason === "" && error instanceof Error ? error.message : reason}`);
  } finally {
    client.destroy();
  }
}
