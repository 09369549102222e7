import { cbor, tag } from "@smithy/core/cbor";
import type { AskMoto, AwsAnswer, AwsHandler, AwsRequest } from "./front-wire.ts";

/**
 * Smithy RPC v2 in CBOR, which newer SDKs speak to CloudWatch and moto does not know: said to moto in JSON, and its answer in CBOR again.
 *
 * @see https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
 */

const PROTOCOL = "rpc-v2-cbor";
/** Of seconds since 1970: the SDKs take no bare number for a time. */
const TIME_TAG = 1;

export function metrics(): AwsHandler {
  return (request, ask) => (request.headers["smithy-protocol"] === PROTOCOL ? translate(request, ask) : undefined);
}

/** POST /service/SERVICE/operation/ACTION */
async function translate(request: AwsRequest, ask: AskMoto): Promise<AwsAnswer> {
  const [, service = "", , action = ""] = request.path;
  const input: unknown = request.body.length === 0 ? {} : cbor.deserialize(request.body);
  const body = Buffer.from(JSON.stringify(input));
  const headers = {
    ...without(request.headers, ["smithy-protocol", "accept"]),
    ...{ "content-type": "application/x-amz-json-1.0", "content-length": String(body.length) },
    "x-amz-target": `${service}.${action}`,
  };
  const answer = await ask({ method: "POST", url: "/", headers, body });
  if (answer.status >= 500) return answer;
  const output: unknown = JSON.parse(answer.body.toString() || "{}");
  return {
    status: answer.status,
    headers: { "content-type": "application/cbor", "smithy-protocol": PROTOCOL },
    body: Buffer.from(cbor.serialize(typed(output))),
  };
}

/** Times with their tag; what is null is not there. */
function typed(value: unknown, name = ""): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => typed(item));
  if (typeof value === "number" && name.endsWith("Timestamp")) return tag({ tag: TIME_TAG, value });
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [key, typed(inner, key)]));
}

function without(headers: AwsRequest["headers"], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
