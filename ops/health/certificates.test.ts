import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { simulatedSight, simulatedWorld } from "../../test/servers/sight.ts";
import { runCommand } from "../../toolchain/command.ts";
import { lookAtCertificates } from "./certificates.ts";

interface Pair {
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;

let folder: string;
let pair: Pair;

/** A certificate that ends in ten days, made here and now. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-certificates-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 10 -subj /CN=localhost".split(
    " ",
  );
  await runCommand("openssl", [...words, "-keyout", key, "-out", cert]);
  pair = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The world in so many days. */
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS + 60_000);

describe("the edge's certificate", () => {
  let server: Server | undefined;
  afterEach(async () => {
    if (server?.listening === true) await new Promise((resolve) => server?.close(resolve));
  });

  async function edge(): Promise<string> {
    server = createServer(pair).listen(0, "localhost");
    await once(server, "listening");
    return `https://localhost:${(server.address() as AddressInfo).port}`;
  }

  it.each([
    [-20, "good", "localhost: 29 days left"],
    [0, "warning", "localhost: 9 days left"],
    [4, "bad", "localhost: 5 days left"],
    [12, "bad", "localhost: over since 3 days"],
  ] as const)("in %i days is %s: %s", async (days, state, detail) => {
    const found = await lookAtCertificates(simulatedWorld({ publicUrl: await edge(), now: inDays(days) }));
    expect(found).toMatchObject({ state, detail });
    if (state !== "good") expect(found.mend).toContain("Renew it");
  });

  it("is not known where nobody answers", async () => {
    const publicUrl = await edge();
    await new Promise((resolve) => server?.close(resolve));
    expect(await lookAtCertificates(simulatedWorld({ publicUrl }))).toMatchObject({
      ...{ state: "unknown", detail: expect.stringContaining("ECONNREFUSED") as string },
      mend: "Is the name known, and the port open from here?",
    });
  });
});

describe("certificates of servers on the inner network", () => {
  const inner = (outputs: Readonly<Record<string, string>>, now = new Date()) => {
    const run = async (service: string) => ({ code: 0, output: outputs[service] ?? "" });
    return lookAtCertificates(simulatedWorld({ now, sight: simulatedSight({ run }) }));
  };

  it("are judged where a server has one", async () => {
    expect(await inner({ postgres: pair.cert })).toMatchObject({ state: "warning", detail: "postgres: 9 days left" });
    expect(await inner({ redis: pair.cert }, inDays(4))).toMatchObject({ state: "bad", detail: "redis: 5 days left" });
  });

  it("are none where all speak plainly", async () => {
    expect(await inner({})).toMatchObject({ state: "good", detail: expect.stringMatching(/^none/) as string });
  });
});
