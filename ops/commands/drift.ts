import { writeFileSync } from "node:fs";
import { EXIT } from "../../backup/protocol.ts";
import { driftMarkdown, driftText } from "../drift-markdown.ts";
import { findDrift, hasDrift } from "../drift.ts";
import { givenPath } from "../given-path.ts";
import { runOps } from "../run-ops.ts";

export function run(): Promise<void> {
  return runOps({
    name: "drift",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "looks for what was changed, deleted or made behind Pulumi's back, and changes nothing. What autoscalers decide is no drift. Ends with 3 where there is any.",
    options: { markdown: { type: "string" } },
    optionLines: ["--markdown F   writes what an issue should say there"],
    examples: ["./slipway drift --stack prod", "./slipway drift --json | jq .result.unmanaged"],
    run: async ({ stack, values, steps }) => {
      const drift = await findDrift(stack, steps);
      if (values.markdown !== undefined) writeFileSync(givenPath(values.markdown), driftMarkdown(drift));
      return { code: hasDrift(drift) ? EXIT.notGood : EXIT.good, result: drift, text: driftText(drift) };
    },
  });
}
