import { beforeAll, describe, expect, it, vi } from "vitest";
import { recordPart, type RecordedPart } from "../../test/pulumi/aws.ts";
import { arnOf, ECR_LOGIN, inClear, inputs, LOGIN_PASSWORD, names, one } from "../../test/pulumi/aws-data.ts";
import { manifestOfAll } from "../../test/pulumi/docker-stack.ts";
import { isSecretEnvelope, known } from "../../test/pulumi/recorder.ts";
import { images, type ImagesArgs } from "./images.ts";
import { output, type Output } from "@pulumi/pulumi";

vi.mock("../images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const BUILT = "docker:index/remoteImage:RemoteImage";
const PUSHED = "docker:index/registryImage:RegistryImage";
const DIGEST = `sha256:${"d".repeat(64)}`;
const HASHES = { api: manifestOfAll().images.api.hash, worker: manifestOfAll().images.worker.hash };

const repository = (name: string) => ({ url: output(`registry.example/${name}`), arn: output(arnOf("ecr", name)) });

/** @param functions what ECR answers @default nothing: whoever asks fails */
function run(settings: ImagesArgs["settings"], functions = {}) {
  const registry = { api: repository("api"), worker: repository("worker") };
  const answers = { [PUSHED]: () => ({ sha256Digest: DIGEST }) };
  return recordPart((place) => images({ settings, registry, place }), true, answers, functions);
}

describe("images that are built", () => {
  let made: RecordedPart<ReturnType<typeof images>>;
  let asked = 0;
  beforeAll(async () => {
    const [[token, answer] = []] = Object.entries(ECR_LOGIN);
    if (token === undefined || answer === undefined) throw new Error("there is no answer of ECR");
    const counted = (args: Parameters<typeof answer>[0]) => {
      asked += 1;
      return answer(args);
    };
    made = await run({ images: {}, importedImages: false }, { [token]: counted });
  });

  it("are pushed with a login that ECR gave for the credentials of AWS, and that is asked for once", () => {
    for (const name of ["api", "worker"] as const)
      expect(inputs(made.resources, PUSHED, `image-${name}-${HASHES[name]}`)).toEqual({
        ...{ name: `registry.example/${name}:${HASHES[name]}`, keepRemotely: true },
        authConfig: { address: "https://registry.example", username: "AWS", password: LOGIN_PASSWORD },
        triggers: { hash: HASHES[name] },
      });
    expect(asked).toBe(1);
  });

  it("have that login's password in the state as a secret alone", () => {
    const { sent } = one(made.resources, PUSHED, `image-api-${HASHES.api}`);
    expect(isSecretEnvelope((sent["authConfig"] as Record<string, unknown>)["password"])).toBe(true);
    expect(inClear(made.resources)).not.toContain(LOGIN_PASSWORD);
  });

  it("are a difference where their content is another, and not where the login is", () => {
    for (const name of ["api", "worker"] as const)
      expect(made.ignored.get(`${PUSHED} image-${name}-${HASHES[name]}`)).toEqual(["authConfig"]);
  });

  it("run by the digest that the registry gave", async () => {
    expect(await known(made.result.api as Output<string>)).toBe(`registry.example/api@${DIGEST}`);
  });
});

describe("images that are there", () => {
  it("are taken as they are named, and nobody asks ECR", async () => {
    const named = { api: `r.example/api@${DIGEST}`, worker: `r.example/worker@${DIGEST}` };
    const { result, resources } = await run({ images: named, importedImages: false });
    expect(result).toEqual(named);
    expect([...names(resources, BUILT), ...names(resources, PUSHED)]).toEqual([]);
  });

  it("are known by their content where they were brought to the nodes", async () => {
    const { result } = await run({ images: {}, importedImages: true });
    expect(result).toEqual({ api: `slipway/api:${HASHES.api}`, worker: `slipway/worker:${HASHES.worker}` });
  });

  it("leave the other one to be built", async () => {
    const named = { api: `r.example/api@${DIGEST}` };
    const { resources } = await run({ images: named, importedImages: false }, ECR_LOGIN);
    expect(names(resources, BUILT)).toEqual(["image-worker"]);
  });
});
