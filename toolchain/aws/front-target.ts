import type { z } from "zod";
import { WireError, type AskMoto, type AwsAnswer, type AwsRequest } from "./front-wire.ts";

/** What the handlers of services have in common whose requests are JSON and name their action in X-Amz-Target. */

/** Such as `CreateBudget`; nothing where the request names none. */
export function targetOf({ headers }: Pick<AwsRequest, "headers">): string | undefined {
  return headers["x-amz-target"]?.split(".").at(-1);
}

/** The body, as far as the handler reads it. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, { text }: AwsRequest): z.output<Schema> {
  const parsed = schema.safeParse(JSON.parse(text === "" ? "{}" : text));
  if (!parsed.success) throw new WireError("InvalidParameterException", parsed.error.message);
  return parsed.data;
}

/** Puts another request of the same service to moto: the action, and what it is told. */
export async function askAction(request: AwsRequest, ask: AskMoto, action: string, input: object): Promise<AwsAnswer> {
  const body = Buffer.from(JSON.stringify(input));
  const target = (request.headers["x-amz-target"] ?? "").replace(/\.\w+$/, `.${action}`);
  const headers = { ...request.headers, "x-amz-target": target, "content-length": String(body.length) };
  return ask({ method: request.method, url: request.url, headers, body });
}
