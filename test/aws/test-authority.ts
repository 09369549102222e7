import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "../servers/programs.ts";

/** An authority for one test run, in the place of those that sign AWS' certificates. */
export interface TestAuthority {
  /** Path of its certificate, PEM. */
  readonly path: string;
  /** Its certificate, PEM. */
  readonly pem: string;
  /** Certificate and key of a server, as paths of PEM files. */
  sign(name: string, names: readonly string[]): ServerFiles;
  remove(): void;
}

export interface ServerFiles {
  readonly cert: string;
  readonly key: string;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"];
const DAYS = ["-days", "2"];

export function makeAuthority(): TestAuthority {
  const folder = mkdtempSync(join(tmpdir(), "slipway-authority-"));
  const file = (name: string) => join(folder, name);
  const ca = { cert: file("ca.crt"), key: file("ca.key") };
  const openssl = (...args: readonly string[]) => {
    runProgram(["openssl", ...args]);
  };
  openssl("req", "-x509", ...NEW_KEY, ca.key, ...DAYS, "-subj", "/CN=Simulated AWS", "-out", ca.cert);
  return {
    path: ca.cert,
    pem: readFileSync(ca.cert, "utf8"),
    sign: (name, names) => {
      const [cert, key, request, extensions] = ["crt", "key", "csr", "ext"].map((end) => file(`${name}.${end}`));
      if (!cert || !key || !request || !extensions) throw new Error("four files");
      openssl("req", "-new", ...NEW_KEY, key, "-subj", `/CN=${name}`, "-out", request);
      writeFileSync(extensions, `extendedKeyUsage=serverAuth\nsubjectAltName=${names.join(",")}\n`);
      const by = ["-CA", ca.cert, "-CAkey", ca.key, "-CAcreateserial", "-extfile", extensions];
      openssl("x509", "-req", "-in", request, ...by, ...DAYS, "-out", cert);
      return { cert, key };
    },
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}
