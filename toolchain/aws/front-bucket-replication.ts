import type { AwsHandler } from "./front-wire.ts";

/** Rules of a bucket's replication as they were given: moto tells no encryption of copies, and that deletions are not copied. */
export function bucketReplication(): AwsHandler {
  const given = new Map<string, string>();
  return async (request, ask) => {
    const { method, path, query, text } = request;
    if (!query.has("replication")) return undefined;
    const [bucket = ""] = path;
    const answer = await ask(request);
    if (answer.status >= 300) return answer;
    if (method === "PUT") given.set(bucket, text);
    if (method === "DELETE") given.delete(bucket);
    const rules = given.get(bucket);
    return method === "GET" && rules !== undefined ? { ...answer, body: rules } : answer;
  };
}
