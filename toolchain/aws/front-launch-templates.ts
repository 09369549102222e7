import type { AwsHandler } from "./front-wire.ts";

/** Tags of a launch template itself, which moto tells among those that the template gives to what is launched. */
export function launchTemplates(): AwsHandler {
  return async (request, ask) => {
    if (new URLSearchParams(request.text).get("Action") !== "DescribeLaunchTemplateVersions") return undefined;
    const answer = await ask(request);
    const body = String(answer.body).replace(
      /<item>\s*<resourceType>launch-template<\/resourceType>\s*<tagSet>[\s\S]*?<\/tagSet>\s*<\/item>/g,
      "",
    );
    return { ...answer, headers: { "content-type": "text/xml" }, body };
  };
}
