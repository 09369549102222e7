import { createServer, type Server } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StackConfigError } from "../../configs/stack.ts";
import { clusterStack } from "../../test/pulumi/kubernetes.ts";
import { decideKeda, findKeda, type Found } from "./find-keda.ts";

/** Answers for the API of a cluster, in clear: what is asked of it is no secret. */
let server: Server;
let port: number;
let status = 200;
const asked: string[] = [];
const folder = mkdtempSync(join(tmpdir(), "slipway-keda-"));
const path = join(folder, "kubeconfig");

function kubeconfig(at: number): string {
  return JSON.stringify({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "here" },
    clusters: [{ name: "here", cluster: { server: `http://127.0.0.1:${at}/`, "insecure-skip-tls-verify": true } }],
    users: [{ name: "me", user: { token: "Canary-token" } }],
    contexts: [{ name: "here", context: { cluster: "here", user: "me" } }],
  });
}

beforeAll(async () => {
  server = createServer(({ method, url }, answer) => {
    asked.push(`${method ?? ""} ${url ?? ""}`);
    answer.writeHead(status).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  port = address.port;
  writeFileSync(path, kubeconfig(port));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

describe("findKeda", () => {
  it.each([
    [200, { hasKeda: true }],
    [404, { hasKeda: false }],
    [401, { why: "it answers 401 to whoever the kubeconfig is of" }],
  ])("takes %d for %j", async (answered, found) => {
    status = answered;
    expect(await findKeda({ kubeconfig: path })).toEqual(found);
    expect(asked.at(-1)).toBe("GET /apis/keda.sh/v1alpha1");
  });

  it("takes a kubeconfig's content before a path", async () => {
    status = 200;
    expect(await findKeda({ kubeconfig: "/not/there", content: kubeconfig(port) })).toEqual({ hasKeda: true });
  });

  it("says why it does not know, and nothing that a kubeconfig holds", async () => {
    const why = async (where: Parameters<typeof findKeda>[0]) => {
      const found = await findKeda(where);
      if (!("why" in found)) throw new Error("it knows");
      expect(found.why).not.toContain("Canary");
      return found.why;
    };
    expect(await why({ content: kubeconfig(1) })).toMatch(/ECONNREFUSED/);
    expect(await why({ kubeconfig: "/not/there" })).toBe("its kubeconfig /not/there cannot be read");
    expect(await why({ content: "clusters: [Canary" })).toBe("its kubeconfig cannot be read");
    expect(await why({ kubeconfig: path, context: "other" })).toBe(
      "its kubeconfig has no cluster in the context other",
    );
  });
});

describe("decideKeda", () => {
  const decide = (kubernetes: object, found: Found) => {
    let questions = 0;
    const settings = clusterStack(kubernetes).kubernetes;
    if (settings === undefined) throw new Error("the stack has no cluster");
    const decision = decideKeda("mine", settings, async () => {
      questions++;
      return found;
    });
    return decision.then(
      (made) => ({ ...made, questions }),
      (error: unknown) => {
        expect(error).toBeInstanceOf(StackConfigError);
        return String(error);
      },
    );
  };
  const away = { why: "connect ECONNREFUSED" };

  it("asks nobody where nothing depends on it", async () => {
    for (const said of [{ autoscaler: "hpa" }, { autoscaler: "none" }, { keda: { install: true } }])
      expect(await decide(said, away)).toEqual({ hasKeda: false, questions: 0 });
  });

  it("goes with what there is where it is left to it, and says what that means", async () => {
    expect(await decide({}, { hasKeda: true })).toEqual({ hasKeda: true, questions: 1 });
    expect(await decide({ autoscaler: "auto" }, { hasKeda: false })).toMatchObject({
      hasKeda: false,
      note: expect.stringMatching(/kubernetes\.autoscaler is auto.* no KEDA.* by CPU/) as string,
    });
  });

  it("refuses a cluster without KEDA where the file wants it, with the key and what to do", async () => {
    const said = await decide({ autoscaler: "keda" }, { hasKeda: false });
    expect(said).toContain("Pulumi.mine.yaml has 1 fault; nothing was created or changed.");
    expect(said).toMatch(/slipway:kubernetes\.autoscaler is "keda", and the cluster has no KEDA/);
    expect(said).toContain("kubernetes.keda.install: true");
    expect(said).toContain("set hpa, auto or none");
  });

  it("refuses to guess where the cluster does not answer, but where the file does not leave it to it", async () => {
    expect(await decide({}, away)).toMatch(
      /slipway:kubernetes\.autoscaler is "auto", and the cluster cannot be asked.*ECONNREFUSED.*kubernetes\.kubeconfig/,
    );
    expect(await decide({ autoscaler: "keda" }, away)).toEqual({ hasKeda: true, questions: 1 });
  });
});
