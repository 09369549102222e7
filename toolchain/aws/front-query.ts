import { WireError, type AskMoto, type AwsRequest } from "./front-wire.ts";

/**
 * Asks moto an action of another service than the request's own: what AWS does there by itself. For services whose requests are forms.
 *
 * @param fields of the form, such as `{ VpcId: "vpc-1" }`
 * @returns the answer, XML
 * @throws WireError where moto refuses it
 */
export async function askQuery(
  { region }: Pick<AwsRequest, "region">,
  ask: AskMoto,
  service: keyof typeof VERSIONS,
  fields: Readonly<Record<string, string>>,
): Promise<string> {
  const body = Buffer.from(new URLSearchParams({ Version: VERSIONS[service], ...fields }).toString());
  const headers = {
    authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
    "content-type": "application/x-www-form-urlencoded",
    "content-length": String(body.length),
  };
  const { status, body: said } = await ask({ method: "POST", url: "/", headers, body });
  const text = said.toString();
  if (status !== 200)
    throw new WireError("InvalidParameterException", `${service} ${fields["Action"] ?? ""}: ${status} ${text}`);
  return text;
}

/** Of the API. */
const VERSIONS = { ec2: "2016-11-15", autoscaling: "2011-01-01", iam: "2010-05-08" } as const;

/** Text of the first element of that name. */
export function textOf(answer: string, name: string): string {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(answer)?.[1];
  if (found === undefined) throw new WireError("InvalidParameterException", `no ${name} in ${answer}`);
  return found;
}
