import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { authorityCertificate, serverCertificate } from "../kubernetes/certificate.ts";
import { readBundle } from "./ca-bundle.ts";

const SEED = "a-seed-of-many-random-characters-0123456789";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-bundle-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

afterEach(() => {
  vi.restoreAllMocks();
});

function read(content: string) {
  const path = join(folder, "rds.pem");
  writeFileSync(path, content);
  return readBundle("unit", path);
}

describe("the file with RDS' authorities", () => {
  it("gives all of its certificates and no comments", () => {
    const [one, other] = [authorityCertificate(SEED), authorityCertificate(`${SEED}x`)];
    expect(read(`# of eu-central-1\n${one}# older\n${other}`)).toBe(`${one}${other}`);
  });

  it("is looked for from the folder of the stack's file, wherever Pulumi runs the program", () => {
    const pem = authorityCertificate(SEED);
    writeFileSync(join(folder, "beside.pem"), pem);
    const root = join(import.meta.dirname, "../..");
    vi.spyOn(process, "cwd").mockReturnValue(join(root, "stacks"));
    expect(readBundle("unit", relative(root, join(folder, "beside.pem")))).toBe(pem);
  });

  it.each([
    ["nothing", () => "", /it holds no certificate in PEM/],
    ["a page instead of it", () => "<html>Access denied</html>", /it holds no certificate in PEM/],
    [
      "a server's certificate",
      () => serverCertificate(SEED, ["db"]).certificate,
      /certificate 1 of 1 is no authority's/,
    ],
    [
      "half of one",
      () => `${authorityCertificate(SEED)}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      /certificate 2 of 2 is damaged/,
    ],
    ["too much for a pod's Secret", () => authorityCertificate(SEED).repeat(1000), /must be at most 524288/],
  ])("is refused where it holds %s", (_what, content, message) => {
    const refused = () => read(content());
    expect(refused).toThrow(message);
    expect(refused).toThrow(/Pulumi\.unit\.yaml[^]*slipway:aws\.data\.database\.caBundle is /);
  });
});
