import { writeFileSync } from "node:fs";
import { OVER_BUDGET } from "../cost.ts";
import { givenPath } from "../given-path.ts";
import { checkBase, previewStack } from "../preview.ts";
import { exitCodeOf } from "../preview-exit.ts";
import { previewMarkdown, previewText, type Previewed } from "../preview-markdown.ts";
import { runOps } from "../run-ops.ts";

export function run(): Promise<void> {
  return runOps({
    name: "preview",
    platforms: ["docker", "kubernetes", "aws"],
    severalStacks: true,
    summary:
      "what an up would do: what loses data first, then each resource with the properties that change. Nothing is changed. Where mandatory policies alone " +
      "refuse it, all of that is told as well, and it ends with 1. With --sealed no secret of the stack is opened: placeholders stand for them.",
    options: {
      markdown: { type: "string" },
      sealed: { type: "boolean", default: false },
      base: { type: "string" },
      "allow-over-budget": { type: "boolean", default: false },
    },
    exitLines: [`${OVER_BUDGET}    a stack would cost more than its slipway:budget allows`],
    optionLines: [
      "--markdown F   writes one comment for all of the stacks there",
      "--sealed       opens no secret, of the file or of the state: for who may not",
      "--base FOLDER  another checkout, with its packages: leaves out what it would change just so; goes with --sealed",
      "--allow-over-budget  for this once",
    ],
    examples: [
      "./slipway preview --stack dev,prod --markdown comment.md",
      "./slipway preview --stack prod --sealed --base ../main",
    ],
    run: async ({ stacks, values, steps }) => {
      const base = values.base === undefined ? undefined : checkBase(givenPath(values.base));
      const sealed = values.sealed || base !== undefined;
      const previews: Previewed[] = [];
      // One after the other: each fills the processors.
      for (const stack of stacks) previews.push(await previewStack(stack, { sealed, base, steps }));
      if (values.markdown !== undefined) writeFileSync(givenPath(values.markdown), previewMarkdown(previews));
      const code = exitCodeOf(previews, values["allow-over-budget"]);
      return { code, result: { previews }, text: previewText(previews) };
    },
  });
}
