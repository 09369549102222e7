import { EXIT } from "../../backup/protocol.ts";
import { whereStacksAre } from "../../toolchain/backend.ts";
import { UserError } from "../../toolchain/command.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { stackEnvironment } from "../../toolchain/platforms/platforms.ts";
import { Stack, stackExists } from "../../toolchain/stack.ts";
import { changesOf, type ResourceChange } from "../changes.ts";
import { changeLines } from "../drift-markdown.ts";
import { look } from "../look.ts";
import { onRecord } from "../on-record.ts";
import { counted } from "../quantities.ts";
import { stackOption } from "../restore-run.ts";
import { runOps, type Asked, type Said } from "../run-ops.ts";

const OPTIONS = { yes: { type: "boolean", default: false } } as const;

export function run(): Promise<void> {
  return runOps({
    name: "refresh",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "asks the platform for everything that a stack's state has, and says what of it would be written anew. With --yes it writes that, and forgets what a killed deploy " +
      "was about to create; it runs alone, as a deploy does, and is on record. What there is stays as it is: ./slipway deploy makes it what the program asks for.",
    options: OPTIONS,
    optionLines: ["--yes          writes the state"],
    examples: [
      "./slipway refresh --stack prod",
      "./slipway refresh --yes",
      "./slipway refresh --json | jq .result.changes",
    ],
    run: refresh,
  });
}

async function refresh({ stack: name, steps, values }: Asked<typeof OPTIONS>): Promise<Said> {
  const folders = findFolders();
  const env = await stackEnvironment(name, folders, steps);
  if (!(await stackExists(name, folders, () => Promise.resolve(env))))
    throw new UserError(`There is no stack ${name} ${whereStacksAre()}. Make it: make up STACK=${name}`, EXIT.usage);
  const ground = { stack: name, folder: folders.root, env };
  const changes = async () =>
    changesOf(await steps.run("Refresh", (report) => look("refresh", ground, report)), "refresh").changes;
  if (!values.yes) return said(name, await changes(), false);
  return onRecord({ stack: name, steps }, async ({ step }) => {
    const stack = new Stack(name, folders, env);
    await stack.unlock(() => undefined);
    const found = await changes();
    await step("State", (report) => stack.settle(report));
    return said(name, found, true);
  });
}

function said(stack: string, changes: readonly ResourceChange[], isWritten: boolean): Said {
  const what = counted(changes.length, "resource");
  const head =
    changes.length === 0
      ? `${stack}: the state is what there is.`
      : `${stack}: ${what} ${isWritten ? "written anew" : "would be written anew"}; as the program asks for them again: ./slipway deploy --yes${stackOption(stack)}`;
  const how = isWritten || changes.length === 0 ? [] : ["", `Write them: ./slipway refresh --yes${stackOption(stack)}`];
  const text = `${[head, ...changeLines(changes), ...how].join("\n")}\n`;
  return { code: EXIT.good, result: { changes, isWritten }, text };
}
