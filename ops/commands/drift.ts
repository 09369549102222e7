import { writeFileSync } from "node:fs";
import { EXIT } from "../../backup/protocol.ts";
import { driftMarkdown, driftText } from "../drift-markdown.ts";
import { publishDrift } from "../drift-issue.ts";
import { findDrift, hasDrift } from "../drift.ts";
import { GitHub, placeOf } from "../github.ts";
import { givenPath } from "../given-path.ts";
import { runOps } from "../run-ops.ts";

export function run(): Promise<void> {
  return runOps({
    name: "drift",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "looks for what was changed, deleted or made behind Pulumi's back, and changes nothing. What autoscalers decide is no drift. Ends with 3 where there is any.",
    options: { markdown: { type: "string" }, issue: { type: "boolean", default: false } },
    optionLines: [
      "--markdown F   writes what an issue should say there",
      "--issue        opens one issue on GitHub, writes it anew, and closes it once there is none; ends with 0 then",
    ],
    examples: ["./slipway drift --stack prod", "./slipway drift --json | jq .result.unmanaged"],
    run: async ({ stack, values, steps }) => {
      const drift = await findDrift(stack, steps);
      if (values.markdown !== undefined) writeFileSync(givenPath(values.markdown), driftMarkdown(drift));
      const text = driftText(drift);
      if (!values.issue) return { code: hasDrift(drift) ? EXIT.notGood : EXIT.good, result: drift, text };
      const issue = await publishDrift(new GitHub(placeOf(process.env)), drift);
      return { code: EXIT.good, result: { ...drift, issue }, text: `${text}issue ${issue.did} ${issue.url ?? ""}\n` };
    },
  });
}
