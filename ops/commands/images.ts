import { EXIT } from "../../backup/protocol.ts";
import { pushedImages } from "../pushed-images.ts";
import { runOps } from "../run-ops.ts";
import { StackAtHand } from "../stack-at-hand.ts";

export function run(): Promise<void> {
  return runOps({
    name: "images",
    platforms: ["aws"],
    summary: "lists what the stack has pushed to its registry, by digest, a line each: what is to be signed.",
    options: {},
    optionLines: [],
    examples: ["./slipway images --stack prod | xargs cosign sign --yes"],
    run: async ({ stack, steps }) => {
      const opened = await new StackAtHand(stack, steps).opened();
      const images = pushedImages((await opened.export()).deployment.resources ?? []);
      return { code: EXIT.good, result: { images }, text: images.map((image) => `${image}\n`).join("") };
    },
  });
}
