import { existsSync, readFileSync } from "node:fs";
import { EXIT } from "../../backup/protocol.ts";
import { UserError } from "../../toolchain/command.ts";
import { GitHub, placeOf } from "../github.ts";
import { givenPath } from "../given-path.ts";
import { runOps } from "../run-ops.ts";

export function run(): Promise<void> {
  return runOps({
    name: "publish",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "puts what `preview --markdown` wrote on a pull request of GitHub, as one comment: it is found again by its first line, and written anew in its place.",
    options: { from: { type: "string" }, number: { type: "string" } },
    optionLines: ["--from F       what `preview --markdown` wrote", "--number N     the pull request"],
    examples: ["./slipway publish --from comment.md --number 12"],
    run: async ({ values: { from, number } }) => {
      const body = readGiven(from);
      const pullRequest = readNumber(number);
      const put = await new GitHub(placeOf(process.env)).putComment(pullRequest, body);
      return { code: EXIT.good, result: put, text: `comment ${put.did}: ${put.url ?? ""}\n` };
    },
  });
}

function readNumber(number: string | undefined): number {
  if (number !== undefined && /^[1-9]\d{0,9}$/.test(number)) return Number(number);
  throw new UserError(
    `--number is ${JSON.stringify(number ?? "missing")}; it must be that of a pull request, such as 12.`,
    EXIT.usage,
  );
}

function readGiven(from: string | undefined): string {
  const path = from === undefined ? undefined : givenPath(from);
  if (path !== undefined && existsSync(path)) return readFileSync(path, "utf8");
  throw new UserError(
    `--from is ${JSON.stringify(from ?? "missing")}; it must be a file that \`preview --markdown\` wrote.`,
    EXIT.usage,
  );
}
