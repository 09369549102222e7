import type { AwsHandler } from "./front-wire.ts";

interface Policy {
  readonly Statement: readonly { readonly Condition?: unknown }[];
}

/**
 * Policies of buckets as they were given: moto looks at no condition, and would take "nobody without TLS" for "nobody". It is given those
 * statements alone that have none.
 */
export function bucketPolicy(): AwsHandler {
  const given = new Map<string, string>();
  return async (request, ask) => {
    const { method, path, query, text } = request;
    if (!query.has("policy")) return undefined;
    const [bucket = ""] = path;
    const answer = await ask(method === "PUT" ? { ...request, ...unconditional(request) } : request);
    if (answer.status >= 300) return answer;
    if (method === "PUT") given.set(bucket, text);
    if (method === "DELETE") given.delete(bucket);
    const policy = given.get(bucket);
    return method === "GET" && policy !== undefined ? { ...answer, body: policy } : answer;
  };
}

function unconditional({ text, headers }: Parameters<AwsHandler>[0]) {
  const policy = JSON.parse(text) as Policy;
  const Statement = policy.Statement.filter(({ Condition }) => Condition === undefined);
  const body = Buffer.from(JSON.stringify({ ...policy, Statement }));
  return { body, headers: { ...headers, "content-length": String(body.length) } };
}
