import { createECDH, createHash, createHmac, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { bits, der, identifier, integer } from "./der.ts";

/**
 * Certificates of the data services that stand in the cluster, made from a seed in the stack's state alone: the same seed gives the same
 * certificates, so a preview has no difference, no key lies on a disk, and no provider is needed that makes them.
 *
 * P-256 with ECDSA, which every client of Postgres and Redis takes (libpq's channel binding knows no Ed25519). Node signs with random
 * numbers alone, so the signature is calculated here, with the number derived from key and content, as RFC 6979 has it.
 */
export interface ServerCertificate {
  /** PEM of the certificate. */
  readonly certificate: string;
  /** PEM of its private key. */
  readonly key: string;
}

const CURVE = "prime256v1";
/** Order of the curve's base point. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SCALAR_BYTES = 32;

/** A fixed span: a certificate must not change because a day has passed. It ends with the seed's replacement. */
const VALIDITY = der("sequence", der("time", Buffer.from("260101000000Z")), der("time", Buffer.from("460101000000Z")));

const ECDSA_SHA256 = der("sequence", identifier("1.2.840.10045.4.3.2"));

const AUTHORITY = "Slipway data services";

/**
 * The certificate by which clients know the servers.
 *
 * @param seed secret text of at least 32 random characters
 * @returns PEM
 */
export function authorityCertificate(seed: string): string {
  const { key } = pairOf(seed, "authority");
  const extensions = [
    extension("2.5.29.19", der("sequence", der(0x01, Uint8Array.of(0xff)), integer(Uint8Array.of(0))), "critical"),
    // Signs certificates, and nothing else.
    extension("2.5.29.15", bits(Uint8Array.of(0x04), 2), "critical"),
    extension("2.5.29.14", der("bytes", keyId(key))),
  ];
  return signed(seed, { subject: AUTHORITY, serial: "authority", key, extensions });
}

/**
 * The certificate of one server and its key.
 *
 * @param seed  as for {@link authorityCertificate}
 * @param names host names that it serves under, the first of which it is known by
 */
export function serverCertificate(seed: string, names: readonly [string, ...string[]]): ServerCertificate {
  const { key } = pairOf(seed, `server/${names[0]}`);
  const authority = pairOf(seed, "authority");
  const extensions = [
    extension("2.5.29.15", bits(Uint8Array.of(0x80), 7), "critical"),
    extension("2.5.29.37", der("sequence", identifier("1.3.6.1.5.5.7.3.1"))),
    extension("2.5.29.17", der("sequence", ...names.map((name) => der(0x82, Buffer.from(name, "ascii"))))),
    extension("2.5.29.35", der("sequence", der(0x80, keyId(authority.key)))),
  ];
  const certificate = signed(seed, { subject: names[0], serial: `server/${names.join(",")}`, key, extensions });
  return { certificate, key: key.export({ type: "pkcs8", format: "pem" }).toString() };
}

interface Content {
  readonly subject: string;
  /** Text that the serial number is derived from. */
  readonly serial: string;
  readonly key: KeyObject;
  readonly extensions: readonly Buffer[];
}

function signed(seed: string, { subject, serial, key, extensions }: Content): string {
  const number = derive(seed, `serial/${serial}`).subarray(0, 16);
  const content = der(
    "sequence",
    der(0xa0, integer(Uint8Array.of(2))),
    integer(number),
    ECDSA_SHA256,
    nameOf(AUTHORITY),
    VALIDITY,
    nameOf(subject),
    publicKey(key),
    der(0xa3, der("sequence", ...extensions)),
  );
  return pem("CERTIFICATE", der("sequence", content, ECDSA_SHA256, bits(sign(seed, content))));
}

function nameOf(commonName: string): Buffer {
  const attribute = der("sequence", identifier("2.5.4.3"), der("text", Buffer.from(commonName)));
  return der("sequence", der("set", attribute));
}

function extension(id: string, value: Buffer, weight: "critical" | "plain" = "plain"): Buffer {
  const critical = weight === "critical" ? [der(0x01, Uint8Array.of(0xff))] : [];
  return der("sequence", identifier(id), ...critical, der("bytes", value));
}

function publicKey(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}

function keyId(key: KeyObject): Buffer {
  return createHash("sha256").update(publicKey(key)).digest().subarray(0, 20);
}

/** ECDSA over SHA-256 with the authority's key. */
function sign(seed: string, content: Buffer): Buffer {
  const { scalar } = pairOf(seed, "authority");
  const message = toNumber(createHash("sha256").update(content).digest());
  const nonce = scalarOf(derive(seed, "nonce/authority", content));
  const r = toNumber(pointOf(nonce).subarray(1, 1 + SCALAR_BYTES)) % ORDER;
  const s = (power(nonce, ORDER - 2n) * (message + r * scalar)) % ORDER;
  return der("sequence", integer(toBytes(r)), integer(toBytes(s)));
}

function pairOf(seed: string, label: string): { readonly scalar: bigint; readonly key: KeyObject } {
  const scalar = scalarOf(derive(seed, `key/${label}`));
  const point = pointOf(scalar);
  const part = (from: number) => point.subarray(from, from + SCALAR_BYTES).toString("base64url");
  const jwk = {
    kty: "EC",
    crv: "P-256",
    d: toBytes(scalar).toString("base64url"),
    x: part(1),
    y: part(1 + SCALAR_BYTES),
  };
  return { scalar, key: createPrivateKey({ key: jwk, format: "jwk" }) };
}

function derive(seed: string, label: string, content: Uint8Array = Uint8Array.of()): Buffer {
  return createHmac("sha512", seed).update(`slipway/certificates/v1/${label}\0`).update(content).digest();
}

/** 1 to ORDER - 1; from 512 bits, so that no number is likelier than another by anything that counts. */
function scalarOf(bytes: Buffer): bigint {
  return (toNumber(bytes) % (ORDER - 1n)) + 1n;
}

/** The base point so many times, uncompressed. */
function pointOf(scalar: bigint): Buffer {
  const curve = createECDH(CURVE);
  curve.setPrivateKey(toBytes(scalar));
  return curve.getPublicKey();
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base % ORDER];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % ORDER;
    square = (square * square) % ORDER;
  }
  return result;
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * SCALAR_BYTES, "0"), "hex");
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
