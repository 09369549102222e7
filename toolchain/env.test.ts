import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { pulumiEnvironment, shellExports, shellQuote } from "./env.ts";

test("a shell reads back any value", () => {
  const line = fc.string({
    unit: fc.oneof(
      fc.constantFrom("'", '"', "$", "`", "\\", " ", "\n", "!", "*"),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
    ),
  });
  const values = fc.sample(line, 200).map((text) => text.replaceAll("\0", ""));
  const script = values.map((value) => `printf '%s\\0' ${shellQuote(value)}`).join("\n");
  const said = spawnSync("sh", ["-c", script], { encoding: "utf8" });
  expect(said.stdout.split("\0").slice(0, -1)).toEqual(values);
});

test("plain values stay readable", () => {
  expect(shellExports({ PATH: "/a/bin:/b", NAME: "it's" })).toBe("export PATH=/a/bin:/b\nexport NAME='it'\\''s'\n");
});

const parts = {
  folders: { root: "/r", cache: "/c", state: "/s p", config: "/k" },
  pulumi: { path: ["/c/pulumi-1/bin"], home: "/s p/home" },
  state: { passphraseFile: "/k/passphrase" },
};

test("our programs come first, once, and those of an older checkout go", () => {
  const { PATH } = pulumiEnvironment({ ...parts, previousPath: "/c/pulumi-0/bin:/usr/bin:/c/pulumi-1/bin:/bin" });
  expect(PATH).toBe("/r/node_modules/.bin:/c/pulumi-1/bin:/usr/bin:/bin");
});

test("the state's folder is an address, and the passphrase is named by its file alone", () => {
  const env = pulumiEnvironment({ ...parts, previousPath: "" });
  expect(env["PULUMI_BACKEND_URL"]).toBe("file:///s%20p");
  expect(env["PULUMI_CONFIG_PASSPHRASE_FILE"]).toBe("/k/passphrase");
  expect(env).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE");
});

test("a backend that machines share is opened by what the caller says, not by this machine's passphrase", () => {
  const env = pulumiEnvironment({ ...parts, state: { backend: "s3://states" }, previousPath: "" });
  expect(env["PULUMI_BACKEND_URL"]).toBe("s3://states");
  expect(env).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE_FILE");
});

test("DOCKER_HOST is set for an engine that clients do not find by themselves", () => {
  const of = (host: string, isDefault: boolean) =>
    pulumiEnvironment({ ...parts, previousPath: "", engine: { host, isDefault } });
  expect(of("unix:///var/run/docker.sock", true)).not.toHaveProperty("DOCKER_HOST");
  expect(of("unix:///run/user/1000/docker.sock", false)).toHaveProperty(
    "DOCKER_HOST",
    "unix:///run/user/1000/docker.sock",
  );
});
