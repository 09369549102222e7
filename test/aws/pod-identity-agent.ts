import { createServer, type IncomingMessage, type Server } from "node:http";
import { execFileSync } from "node:child_process";
import { AuthenticationV1Api, V1TokenReview, V1TokenReviewSpec, type KubeConfig } from "@kubernetes/client-node";
import { z } from "zod";
import type { Front } from "../../toolchain/aws/front.ts";

/**
 * EKS' Pod Identity agent, simulated: it stands at the address of the real one, looks who asks by the real token of the pod's service account, and
 * gives credentials to those alone that have an association whose role lets EKS' pods be it.
 */
export interface PodIdentityAgent {
  /** Service accounts that were given credentials, and their roles. */
  readonly given: ReadonlyMap<string, string>;
  /** Service accounts that were refused, and why. */
  readonly refused: ReadonlyMap<string, string>;
  end(): Promise<void>;
}

export interface PodIdentityAgentOptions {
  readonly front: Front;
  readonly region: string;
  readonly kubernetes: KubeConfig;
}

/** As the real one: a pod's SDK takes credentials in clear from no other address. */
const ADDRESS = "169.254.170.23";
export const CREDENTIALS_URL = `http://${ADDRESS}/v1/credentials`;
export const AUDIENCE = "pods.eks.amazonaws.com";

const associationsSchema = z.object({
  associations: z.array(z.object({ roleArn: z.string(), namespace: z.string(), serviceAccount: z.string() })),
});

const trustSchema = z.object({
  Statement: z.array(
    z.object({ Effect: z.string(), Action: z.union([z.string(), z.array(z.string())]), Principal: z.unknown() }),
  ),
});

export async function startPodIdentityAgent(options: PodIdentityAgentOptions): Promise<PodIdentityAgent> {
  const given = new Map<string, string>();
  const refused = new Map<string, string>();
  const server = createServer((request, response) => {
    const account = { name: "somebody" };
    credentialsFor(request, options, account).then(
      ({ role, ...credentials }) => {
        given.set(account.name, role);
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(credentials));
      },
      (error: unknown) => {
        refused.set(account.name, String(error));
        response.writeHead(403, { "content-type": "text/plain" }).end(String(error));
      },
    );
  });
  const removeAddress = addAddress();
  try {
    await listen(server);
  } catch (error) {
    removeAddress();
    throw error;
  }
  return {
    given,
    refused,
    end: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      removeAddress();
    },
  };
}

async function credentialsFor(request: IncomingMessage, options: PodIdentityAgentOptions, account: { name: string }) {
  account.name = await accountOf(request.headers.authorization ?? "", options);
  const role = await roleOf(account.name, options);
  await trusts(role, options);
  return {
    ...{ role, AccountId: role.split(":")[4], AccessKeyId: role.split("/").at(-1), SecretAccessKey: "simulated" },
    ...{ Token: "simulated", Expiration: new Date(Date.now() + 3_600_000).toISOString() },
  };
}

/** Such as `system:serviceaccount:slipway-prod:api`, as the API server knows it by the token. */
async function accountOf(token: string, { kubernetes }: PodIdentityAgentOptions): Promise<string> {
  const spec = Object.assign(new V1TokenReviewSpec(), { token, audiences: [AUDIENCE] });
  const body = Object.assign(new V1TokenReview(), { spec });
  const { status } = await kubernetes.makeApiClient(AuthenticationV1Api).createTokenReview({ body });
  const user = status?.authenticated === true ? status.user?.username : undefined;
  if (user === undefined) throw new Error(`the token is none of ours: ${status?.error ?? "it is not valid"}`);
  return user;
}

async function roleOf(account: string, { front, region }: PodIdentityAgentOptions): Promise<string> {
  const [, , namespace, serviceAccount] = account.split(":");
  const { clusters } = z
    .object({ clusters: z.array(z.string()) })
    .parse(await (await askAws(front, region, "eks", "/clusters")).json());
  for (const cluster of clusters) {
    const answer = await askAws(front, region, "eks", `/clusters/${cluster}/pod-identity-associations`);
    const { associations } = associationsSchema.parse(await answer.json());
    const own = associations.find((of) => of.namespace === namespace && of.serviceAccount === serviceAccount);
    if (own !== undefined) return own.roleArn;
  }
  throw new Error(`${account} has no association`);
}

/** A role that does not let EKS' pods take it is none for them, whatever the association says. */
async function trusts(role: string, { front, region }: PodIdentityAgentOptions): Promise<void> {
  const name = role.split("/").at(-1) ?? "";
  const body = new URLSearchParams({ Action: "GetRole", Version: "2010-05-08", RoleName: name }).toString();
  const answer = await (await askAws(front, region, "iam", "/", body)).text();
  const policy = /<AssumeRolePolicyDocument>(.*)<\/AssumeRolePolicyDocument>/s.exec(answer)?.[1] ?? "";
  const { Statement } = trustSchema.parse(JSON.parse(decodeURIComponent(policy)));
  const isFor = (action: string) =>
    Statement.some(
      ({ Effect, Action, Principal }) =>
        Effect === "Allow" && [Action].flat().includes(action) && JSON.stringify(Principal).includes(AUDIENCE),
    );
  for (const action of ["sts:AssumeRole", "sts:TagSession"])
    if (!isFor(action)) throw new Error(`${role} does not let ${AUDIENCE} do ${action}: ${decodeURIComponent(policy)}`);
}

/** Asks an API of the simulated AWS, as the holder of any key does. */
export function askAws(
  front: Front,
  region: string,
  service: string,
  path: string,
  body?: string,
  method = body === undefined ? "GET" : "POST",
): Promise<Response> {
  const authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  // As a form, moto would read the text apart: a policy, which is JSON, would be empty.
  const type = {
    "content-type": body !== undefined && /^[<{]/.test(body) ? "text/xml" : "application/x-www-form-urlencoded",
  };
  return fetch(`${front.url}${path}`, {
    method,
    headers: { authorization, ...(body !== undefined && type) },
    ...(body !== undefined && { body }),
  });
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(80, ADDRESS, resolve);
  });
}

/** Pods send what is for no pod to the machine; there it is an address of the machine itself. */
function addAddress(): () => void {
  const change = (verb: "add" | "del") => execFileSync("ip", ["address", verb, `${ADDRESS}/32`, "dev", "lo"]);
  const there = execFileSync("ip", ["--oneline", "address", "show", "dev", "lo"], { encoding: "utf8" });
  if (there.includes(`${ADDRESS}/`)) return () => undefined;
  change("add");
  return () => {
    change("del");
  };
}
