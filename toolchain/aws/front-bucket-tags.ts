import { type AwsHandler } from "./front-wire.ts";

/** Tags that are given with the request that makes a bucket: moto takes them only by a request of their own. */
export function bucketTags(): AwsHandler {
  return async (request, ask) => {
    const { method, path, query, text, url } = request;
    const tags = /<Tags>([\s\S]*)<\/Tags>/.exec(text)?.[1];
    if (method !== "PUT" || path.length !== 1 || query.size > 0 || tags === undefined) return undefined;
    const answer = await ask(request);
    if (answer.status !== 200) return answer;
    const body = Buffer.from(
      `<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>${tags}</TagSet></Tagging>`,
    );
    const tagged = await ask({
      method,
      url: `${url}?tagging`,
      headers: { ...request.headers, "content-length": String(body.length) },
      body,
    });
    return tagged.status < 300 ? answer : tagged;
  };
}
