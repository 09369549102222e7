import { element, type AwsAnswer, type AwsHandler } from "./front-wire.ts";

/** Rules of security groups: moto forgets the description of one that names another group. */
export function securityRules(): AwsHandler {
  const descriptions = new Map<string, string>();
  return async (request, ask) => {
    const form = new URLSearchParams(request.text);
    const action = form.get("Action") ?? "";
    if (/^AuthorizeSecurityGroup(In|E)gress$/.test(action)) {
      const answer = await ask(request);
      const id = idOf(String(answer.body));
      const description = [...form].find(([field]) => /\.(Groups|IpRanges)\.1\.Description$/.test(field))?.[1];
      if (id !== undefined && description !== undefined) descriptions.set(id, description);
      return answer;
    }
    return action === "DescribeSecurityGroupRules" ? described(await ask(request), descriptions) : undefined;
  };
}

function described(answer: AwsAnswer, descriptions: ReadonlyMap<string, string>): AwsAnswer {
  // Items of tags are within items of rules, and have no id.
  const body = String(answer.body).replace(
    /<securityGroupRuleId>([^<]*)<\/securityGroupRuleId>/g,
    (text, id: string) => {
      const description = descriptions.get(id);
      return description === undefined || told(String(answer.body), id)
        ? text
        : text + element("description", description);
    },
  );
  return { ...answer, headers: { "content-type": "text/xml" }, body };
}

/** Whether moto describes the rule: those of addresses it does. */
function told(answer: string, id: string): boolean {
  const rule = answer.split("<securityGroupRuleId>").find((part) => part.startsWith(`${id}<`)) ?? "";
  return /<description>[^<]+</.test(rule);
}

function idOf(answer: string): string | undefined {
  return /<securityGroupRuleId>([^<]*)</.exec(answer)?.[1];
}
