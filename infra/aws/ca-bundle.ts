import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PlanError } from "../plan/plan-error.ts";

/** Pulumi runs the program in the folder of its entry; a user thinks of that of the stack's file. */
const CHECKOUT = join(dirname(fileURLToPath(import.meta.url)), "../..");

const KEY = "slipway:aws.data.database.caBundle";
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A Secret of Kubernetes holds 1 MiB in all, base64 included. AWS's file of one region has some 6 KiB, that of all regions 160. */
const MOST_BYTES = 512 * 1024;

/**
 * The authorities that have signed the database's certificate.
 *
 * @param stack the stack's name, for messages
 * @param path  of a PEM file, from the folder of the stack's file
 * @returns its certificates alone, PEM: comments go
 * @throws PlanError where the file is none, or holds something else than authorities
 */
export function readBundle(stack: string, path: string): string {
  const refuse = (what: string) => new PlanError(stack, "database", [`${KEY} is ${path}: ${what}`]);
  const text = tryRead(path);
  if (text instanceof Error)
    throw refuse(`it cannot be read (${text.message}). Put the file of AWS there, or correct the path.`);
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw refuse("it holds no certificate in PEM. Put the file of AWS there.");
  for (const [index, pem] of found.entries()) {
    const certificate = tryParse(pem);
    if (certificate?.ca !== true)
      throw refuse(
        `certificate ${index + 1} of ${found.length} is ${certificate ? "no authority's" : "damaged"}. Get the file again.`,
      );
  }
  const bundle = `${found.join("\n")}\n`;
  if (bundle.length > MOST_BYTES)
    throw refuse(`it has ${bundle.length} bytes, must be at most ${MOST_BYTES}. Take the file of one region.`);
  return bundle;
}

function tryRead(path: string): string | Error {
  try {
    return readFileSync(resolve(CHECKOUT, path), "utf8");
  } catch (error) {
    return error instanceof Error && "code" in error ? new Error(String(error.code)) : new Error("unknown error");
  }
}

function tryParse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
