import { expect, test } from "vitest";
import { parseStackConfig } from "./stack.ts";
import { withRelease } from "./stack-release.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const NAMED = `registry.example/api@${DIGEST}`;

function parse(values: Record<string, unknown>) {
  const raw = Object.entries(values).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return parseStackConfig("mine", { values: Object.fromEntries(raw) as Record<string, string>, isSecret: () => false });
}
const docker = { platform: "docker", environment: "dev" };
const cluster = { platform: "kubernetes", environment: "dev", kubernetes: { importedImages: true } };

test("three releases before the one that serves are kept", () => {
  expect(parse(docker)).toMatchObject({ keepReleases: 3 });
  expect(() => parse({ ...docker, keepReleases: 0 })).toThrow("slipway:keepReleases is 0");
});

test("an engine runs a release by its ids, and nothing is told to a cluster", () => {
  const config = parse({ ...docker, release: { api: DIGEST, worker: DIGEST } });
  expect(withRelease(config)).toBe(config);
  expect(() => parse({ ...docker, release: { api: NAMED, worker: DIGEST } })).toThrow(
    /slipway:release\.api is "registry\.example.*must be the id of an image on the engine/,
  );
  expect(() => parse({ ...docker, release: { api: DIGEST } })).toThrow("slipway:release.worker is missing");
});

test("a cluster runs it in place of the images that its file names", () => {
  const release = { api: NAMED, worker: NAMED };
  const config = withRelease(
    parse({ ...cluster, kubernetes: { importedImages: true, images: { redis: "r" + NAMED } }, release }),
  );
  expect(config.kubernetes?.images).toEqual({ redis: "r" + NAMED, ...release });
});

test("a tag will do only where images were brought by hand, and an id of an engine nowhere", () => {
  const tagged = { api: "slipway/api:1", worker: "slipway/worker:1" };
  expect(parse({ ...cluster, release: tagged }).release).toEqual(tagged);
  const named = Object.fromEntries(["api", "worker", "postgres", "redis", "backup"].map((name) => [name, NAMED]));
  expect(() => parse({ ...cluster, kubernetes: { images: named }, release: tagged })).toThrow(
    /release\.api .*ends in its digest/,
  );
  expect(() => parse({ ...cluster, release: { api: DIGEST, worker: DIGEST } })).toThrow(
    /release\.worker .*ends in its digest/,
  );
});
