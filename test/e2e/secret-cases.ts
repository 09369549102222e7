import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { filesBelow } from "../../infra/images/contexts.ts";
import { findLeaks, type Place } from "./canary.ts";
import { docker, type E2eStack } from "./stack.ts";

interface Deployment {
  readonly deployment: {
    readonly resources: readonly { readonly urn: string; readonly outputs?: { result?: { plaintext: string } } }[];
  };
}

/**
 * The stack's own secrets are the canaries: they must stand in files of mode 0400 and nowhere else.
 *
 * @param logs what `pulumi up --json --debug --logtostderr` of it printed: every engine event. Not -v=9: the engine traces its own calls to
 *   plugins there, secrets included, and says so in its documentation.
 */
export function secretCases(stack: () => E2eStack, logs: () => string): void {
  async function revealSecrets(): Promise<Record<string, string>> {
    const { output } = await stack().pulumi("stack", "export", "--show-secrets");
    return Object.fromEntries(
      (JSON.parse(output) as Deployment).deployment.resources
        .filter(({ urn }) => urn.includes("RandomPassword"))
        .map(({ urn, outputs }) => [
          urn.split("::").at(-1) ?? urn,
          JSON.parse(outputs?.result?.plaintext ?? '""') as string,
        ]),
    );
  }

  async function said(name: string, ...args: string[]): Promise<Place> {
    return { name, content: (await docker(...args)).output };
  }

  async function places(): Promise<Place[]> {
    const containers = await stack().containers();
    const label = `label=slipway.stack=${stack().name}`;
    const list = async (...args: string[]) => (await docker(...args)).output.trim().split("\n").filter(Boolean);
    const volumes = await list("volume", "ls", "--quiet", "--filter", label);
    const networks = await list("network", "ls", "--quiet", "--filter", label);
    const images = await list("image", "ls", "--quiet", `slipway-${stack().name}/*`);
    const files = filesBelow(stack().backend).filter((file) => !file.endsWith("passphrase"));
    return [
      { name: "events and logs of up with --json --debug", content: logs() },
      ...files.map((file) => ({ name: file.slice(stack().backend.length), content: readFileSync(file, "latin1") })),
      await said("docker inspect", "inspect", ...containers, ...volumes, ...networks, ...images),
      ...(await Promise.all(images.map((image) => said(`history of ${image}`, "history", "--no-trunc", image)))),
      ...(await Promise.all(containers.map((name) => said(`log of ${name}`, "logs", name)))),
      ...(await Promise.all(containers.map((name) => said(`processes of ${name}`, "top", name, "-eo", "args")))),
    ];
  }

  describe("secrets", () => {
    let secrets: Record<string, string>;
    beforeAll(async () => {
      secrets = await revealSecrets();
    });

    it("are there to be looked for", () => {
      expect(Object.keys(secrets).sort()).toEqual([
        "backup-key",
        "database-owner-password",
        "database-password",
        "jwt-key",
        "redis-password",
        "secret-fingerprints",
      ]);
      for (const value of Object.values(secrets)) expect(value.length).toBeGreaterThanOrEqual(32);
    });

    it("stand nowhere in state, logs, events, inspect output, image history or process lists", async () => {
      expect(findLeaks(secrets, await places())).toEqual([]);
    });

    it("would be found: a planted leak is", async () => {
      const planted = Buffer.from(secrets["redis-password"] ?? "").toString("base64");
      const image = (await docker("image", "ls", "--quiet", `slipway-${stack().name}/edge`)).output.trim();
      const label = `slipway.stack=${stack().name}`;
      const made = await docker(
        "create",
        "--label",
        label,
        "--name",
        `${stack().name}-leak`,
        "--env",
        `X=${planted}`,
        image,
      );
      expect(made.code).toBe(0);
      try {
        expect(findLeaks(secrets, await places())).toEqual(["redis-password in docker inspect"]);
      } finally {
        await docker("rm", `${stack().name}-leak`);
      }
    });

    it("are files of mode 0400 of the service's own user, and the root around them is read-only", async () => {
      for (const service of ["postgres", "redis", "backup"]) {
        const [name] = await stack().containers(service);
        const listed = await docker(
          "exec",
          name ?? "",
          "stat",
          "--format",
          "%a %u %n",
          "/run/secrets/slipway/redis-password",
          "/run/secrets/slipway/database-password",
          "/run/secrets/slipway/backup-key",
        );
        const uid = (await docker("exec", name ?? "", "id", "--user")).output.trim();
        const modes = listed.output.split("\n").filter((line) => /^\d+ \d+ \//.test(line));
        expect(modes.length).toBeGreaterThan(0);
        for (const mode of modes) expect(mode.startsWith(`400 ${uid} `)).toBe(true);
        expect((await docker("exec", name ?? "", "touch", "/run/secrets/slipway/x")).code).not.toBe(0);
        expect((await docker("exec", name ?? "", "touch", "/usr/x")).code).not.toBe(0);
      }
    });
  });
}
