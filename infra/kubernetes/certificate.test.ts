import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:tls";
import { describe, expect, it } from "vitest";
import { authorityCertificate, serverCertificate } from "./certificate.ts";

const SEED = "a-seed-of-many-random-characters-0123456789";
const NAMES = ["postgres", "postgres.slipway.svc"] as const;

/** What a client that checks says of the server: nothing, or the error's code. */
async function handshake(ca: string, host: string, seed = SEED): Promise<string | undefined> {
  const { certificate: cert, key } = serverCertificate(seed, [...NAMES]);
  const server = createServer({ cert, key });
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    return await new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", servername: host, ca }, () => {
        resolve(undefined);
        socket.destroy();
      });
      socket.on("error", (error: NodeJS.ErrnoException) => {
        resolve(error.code);
      });
    });
  } finally {
    server.close();
  }
}

describe("certificates", () => {
  it("are what a client that checks them takes, for every name of the server", async () => {
    for (const name of NAMES) expect(await handshake(authorityCertificate(SEED), name)).toBeUndefined();
  });

  it("are refused under another name and from another authority", async () => {
    expect(await handshake(authorityCertificate(SEED), "redis")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(await handshake(authorityCertificate(`${SEED}x`), NAMES[0])).toMatch(/SELF_SIGNED|VERIFY|SIGNATURE/);
  });

  it("are the same from the same seed, and others from another", () => {
    expect(serverCertificate(SEED, [...NAMES])).toEqual(serverCertificate(SEED, [...NAMES]));
    expect(authorityCertificate(SEED)).toBe(authorityCertificate(SEED));
    expect(serverCertificate(`${SEED}x`, [...NAMES]).key).not.toBe(serverCertificate(SEED, [...NAMES]).key);
    expect(serverCertificate(SEED, ["redis"]).key).not.toBe(serverCertificate(SEED, [...NAMES]).key);
  });

  it("are signed right from any seed: no short number breaks the encoding", () => {
    for (let index = 0; index < 300; index += 1) {
      const seed = `${SEED}-${index}`;
      const authority = new X509Certificate(authorityCertificate(seed));
      const server = new X509Certificate(serverCertificate(seed, ["redis"]).certificate);
      expect(server.verify(authority.publicKey), seed).toBe(true);
      expect(authority.verify(authority.publicKey), seed).toBe(true);
      expect(server.checkIssued(authority), seed).toBe(true);
    }
  });

  it("are an authority that signs servers alone, and a server that signs nothing", () => {
    const authority = new X509Certificate(authorityCertificate(SEED));
    const server = new X509Certificate(serverCertificate(SEED, [...NAMES]).certificate);
    expect([authority.ca, server.ca]).toEqual([true, false]);
    expect(server.subjectAltName).toBe("DNS:postgres, DNS:postgres.slipway.svc");
    expect(server.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(new Date(server.validTo).getUTCFullYear()).toBe(2046);
  });
});
