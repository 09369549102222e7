import { runOps } from "../run-ops.ts";
import { deploy, DEPLOY_LINES, DEPLOY_OPTIONS, DEPLOY_PLATFORMS } from "./deploy.ts";

export function run(): Promise<void> {
  return runOps({
    name: "rollback",
    summary:
      "brings an earlier release back, by the images that it ran from, with the checks of a deploy; settings stay those of the stack's file and this checkout. It is refused over a " +
      "migration that the release cannot work behind, with the way out. The next ./slipway deploy goes forward again. Without --yes it says what it would do.",
    platforms: DEPLOY_PLATFORMS,
    options: DEPLOY_OPTIONS,
    optionLines: [
      "VERSION        a version, the beginning of one, or the number of a deployment; default the release before the one that serves",
      ...DEPLOY_LINES,
    ],
    examples: [
      "./slipway rollback",
      "./slipway rollback --yes",
      "./slipway rollback 0.1.0+1a2b --yes",
      "./slipway rollback 12 --yes",
    ],
    words: 1,
    run: (asked) => deploy({ ...asked, which: "before", expects: "there", canary: undefined }),
  });
}
