import type { AwsHandler } from "./front-wire.ts";

/**
 * Something of a bucket that moto forgets in part: told as it was given, until it is taken away.
 *
 * @param what    the query by which it is asked for, such as `policy`
 * @param forMoto what moto is given of it @default all
 */
export function givenOfBucket(what: string, forMoto: (text: string) => string = (text) => text): AwsHandler {
  const given = new Map<string, string>();
  return async (request, ask) => {
    const { method, path, query, text } = request;
    if (!query.has(what)) return undefined;
    const [bucket = ""] = path;
    const answer = await ask(method === "PUT" ? withBody(request, forMoto(text)) : request);
    if (answer.status >= 300) return answer;
    if (method === "PUT") given.set(bucket, text);
    if (method === "DELETE") given.delete(bucket);
    const known = given.get(bucket);
    return method === "GET" && known !== undefined ? { ...answer, body: known } : answer;
  };
}

function withBody(request: Parameters<AwsHandler>[0], text: string): Parameters<AwsHandler>[0] {
  const body = Buffer.from(text);
  return { ...request, body, headers: { ...request.headers, "content-length": String(body.length) } };
}
