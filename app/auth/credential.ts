/** What a request may do: `read` looks, `write` makes and changes. */
export const SCOPES = ["read", "write"] as const;
export type Scope = (typeof SCOPES)[number];

/** Who makes a request, once that is proved. */
export interface Credential {
  /** Whose jobs it sees; nobody else's. */
  readonly tenant: string;
  /** Name of the key that proved it: for the log, no secret. */
  readonly keyId: string;
  readonly scopes: ReadonlySet<Scope>;
  /** When it ends, in milliseconds since 1970; a signed request does not. */
  readonly expiresAt: number | undefined;
}

const BOTH: ReadonlySet<Scope> = new Set(SCOPES);

/** Words of a claim `scope`; those that mean nothing here are passed over. Without the claim: everything. */
export function toScopes(claim: string | undefined): ReadonlySet<Scope> {
  if (claim === undefined) return BOTH;
  const words = new Set(claim.split(" "));
  return new Set(SCOPES.filter((scope) => words.has(scope)));
}
