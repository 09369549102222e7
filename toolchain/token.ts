import { signToken, type SigningKey } from "../app/credentials.ts";
import { parseJwtKeys, TENANT } from "../configs/credential-keys.ts";
import { UserError } from "./command.ts";

/** Tenant of the toolchain's own jobs and of `make token`, unless another is asked for. */
export const DEFAULT_TENANT = "dev";

export interface TokenRequest {
  /** @default "dev" */
  readonly tenant?: string;
  /** How long it is good for, in hours. @default 1 */
  readonly hours?: number;
  /** `read`, `write` or both. @default both */
  readonly scope?: string;
}

/**
 * Makes a token that a stack's API takes.
 *
 * @param jwtKeys the stack's output `jwtKeys`
 * @throws UserError for a tenant, a time or a scope that the API would refuse, or where the stack has no key to sign with
 */
export async function makeToken(jwtKeys: string, request: TokenRequest = {}): Promise<string> {
  const { tenant = DEFAULT_TENANT, hours = 1, scope } = request;
  if (!TENANT.test(tenant))
    throw new UserError(
      `The tenant is ${JSON.stringify(tenant)}; allowed are 1 to 63 of a-z, 0-9 and -, but not system.`,
    );
  if (!(hours > 0 && hours <= 8760))
    throw new UserError(`The token is to last ${hours} hours; allowed are more than 0 and at most 8760, a year.`);
  if (scope !== undefined && !/^(read|write|read write|write read)$/.test(scope))
    throw new UserError(`The scope is ${JSON.stringify(scope)}; allowed are read, write, and "read write".`);
  const expiresInSeconds = Math.ceil(hours * 3600);
  return signToken(signingKey(jwtKeys), { tenant, expiresInSeconds, ...(scope === undefined ? {} : { scope }) });
}

/** The newest shared key: the last one, as new slots are added behind the old. */
function signingKey(jwtKeys: string): SigningKey {
  const key = parseJwtKeys(jwtKeys).findLast((one) => one.alg === "HS256");
  if (key) return key;
  throw new UserError(
    "The stack's jwtKeys hold no HS256 key, so nothing here can sign: the private halves of EdDSA keys are elsewhere. Sign there.",
  );
}
