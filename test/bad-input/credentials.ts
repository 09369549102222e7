import { randomUUID } from "node:crypto";
import { base64url, SignJWT, UnsecuredJWT, type JWTPayload } from "jose";
import { signRequest, signToken, type SignedParts } from "../../app/credentials.ts";
import { SUM, type TestApi } from "../servers/api.ts";
import { ED25519, TEST_KEYS, testAuthorization, testToken } from "../servers/credentials.ts";
import { creating, overSocket, portOf, type Answer, type BadInput, type BadInputs } from "./case.ts";

const [first, , second] = TEST_KEYS["jwt-keys"];
const [signer] = TEST_KEYS["hmac-keys"];
const PATH = "/api/v1/jobs";
const BODY = JSON.stringify(SUM);

/** Asks for a job under a token. */
function under(token: () => string | Promise<string>): BadInput {
  return async (api) => api.app.inject(creating({ headers: { authorization: `Bearer ${await token()}` } }));
}

/** @param without claims that are left out */
async function forged(
  header: Record<string, string>,
  payload: JWTPayload,
  secret: string,
  without: readonly string[] = [],
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: "slipway", aud: "slipway-api", tenant: "acme", exp: now + 60, ...payload };
  const left = Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name)));
  return new SignJWT(left).setProtectedHeader({ alg: "HS256", ...header }).sign(Buffer.from(secret, "base64url"));
}

function claims(payload: JWTPayload, without: readonly string[] = []): Promise<string> {
  return forged({ kid: first.kid }, payload, first.secret, without);
}

/** The public key is known to everybody: a token must not be taken for one that was signed with it as a secret. */
function confused(): Promise<string> {
  return forged({ kid: ED25519.kid }, {}, base64url.encode(ED25519.publicKey));
}

function unsigned(): string {
  return new UnsecuredJWT({ tenant: "acme" })
    .setIssuer("slipway")
    .setAudience("slipway-api")
    .setExpirationTime("1m")
    .encode();
}

/** Asks for a job under a signature. */
function signed(
  parts: Partial<SignedParts> = {},
  change: {
    readonly key?: typeof signer | { id: string; secret: string };
    readonly headers?: Record<string, string>;
  } = {},
): BadInput {
  return (api) => {
    const key = change.key ?? signer;
    const headers = signRequest(key, { method: "POST", path: PATH, body: BODY, ...parts });
    return api.app.inject(creating({ headers: { ...headers, ...change.headers } }));
  };
}

function secondsFromNow(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}

/** Of one tenant each. */
async function twoTokens(): Promise<string> {
  const tokens = [await testToken("acme"), await testToken("other")];
  const lines = tokens.map((token) => `authorization: Bearer ${token}\r\n`);
  return `GET ${PATH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${lines.join("")}\r\n`;
}

async function sentTwice(api: TestApi): Promise<Answer> {
  const again = signed({ nonce: randomUUID() });
  const taken = await again(api);
  if (taken.statusCode !== 202) throw new Error(`the first one was refused: ${taken.body}`);
  return again(api);
}

export const CREDENTIALS: BadInputs = {
  "no credentials": (api) => api.app.inject(creating({})),
  "`Authorization` of another scheme": (api) => api.app.inject(creating({ headers: { authorization: "Basic YTpi" } })),
  "a token that is no JWT": under(() => "abc"),
  "a token without a signature (`alg: none`)": under(() => unsigned()),
  "a token signed with another secret": under(() => forged({ kid: first.kid }, {}, second.secret)),
  "a token of a key that there is none of": under(() => forged({ kid: "nobody" }, {}, first.secret)),
  "a token that names no key": under(() => forged({}, {}, first.secret)),
  "an HS256 token under an EdDSA key": under(confused),
  "a token of another issuer": under(() => testToken("acme", { issuer: "elsewhere" })),
  "a token for another audience": under(() => testToken("acme", { audience: "elsewhere" })),
  "a token without a tenant": under(() => claims({}, ["tenant"])),
  "a token without an end": under(() => claims({}, ["exp"])),
  "an expired token": under(() => testToken("acme", { expiresInSeconds: -60 })),
  "a token that is not good yet (`nbf`)": under(() => claims({ nbf: secondsFromNow(60) })),
  "a token without the scope": under(() => signToken(first, { tenant: "acme", scope: "read" })),
  "two tokens": async (api) => overSocket(portOf(api), await twoTokens()),
  "a token and a signature": async (api) => signed({}, { headers: await testAuthorization() })(api),
  "a signature without a nonce": signed({}, { headers: { "x-slipway-nonce": "" } }),
  "a signature with another secret": signed({}, { key: { id: signer.id, secret: first.secret } }),
  "a signature of a key that there is none of": signed({}, { key: { id: "nobody", secret: signer.secret } }),
  "a body that was changed after signing": signed({ body: `${BODY} ` }),
  "a path that was changed after signing": signed({ path: `${PATH}?` }),
  "a signature from 301 s ago": (api) => signed({ timestamp: secondsFromNow(-302) })(api),
  "a signature of 301 s ahead": (api) => signed({ timestamp: secondsFromNow(303) })(api),
  "a signed request that comes again": sentTwice,
};
