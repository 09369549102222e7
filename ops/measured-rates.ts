import { z } from "zod";
import { EXIT } from "../backup/protocol.ts";
import { MOST_SECONDS, type Rate } from "../jobs/rates.ts";
import { UserError } from "../toolchain/command.ts";
import { isTooOld, OPERATE } from "../toolchain/deployment/operate.ts";
import { findFolders } from "../toolchain/folders.ts";
import type { Output } from "../toolchain/lines.ts";
import { platformOf } from "../toolchain/platforms/platforms.ts";
import type { Stack } from "../toolchain/stack.ts";

const count = z.number().nonnegative();

const ratesSchema = z.array(
  z.object({
    ...{ kind: z.string(), queue: z.string(), jobs: count, busiest: count, attempts: count },
    seconds: count.nullable(),
  }),
) satisfies z.ZodType<readonly Rate[]>;

/**
 * What came in the last so many seconds, asked of the API that serves, which reaches Postgres wherever that is.
 *
 * @throws UserError where none runs, or it cannot say
 */
export async function measuredRates(stack: Stack, sinceSeconds: number): Promise<readonly Rate[]> {
  if (sinceSeconds > MOST_SECONDS)
    throw new UserError("--since is longer than 31d, the most that can be looked at.", EXIT.usage);
  const instead = "Say what comes yourself: --unmeasured --jobs speech=3/s --seconds speech=2";
  const { name } = stack;
  const ran = (await stack.exists()) ? await ask(stack, sinceSeconds) : undefined;
  if (ran === undefined)
    throw new UserError(`No API of ${name} runs, and it would have to be asked. make up STACK=${name}; or: ${instead}`);
  const last = ran.output.trim().split("\n").at(-1) ?? "";
  if (ran.code === 0) return ratesSchema.parse(JSON.parse(last));
  if (isTooOld(ran))
    throw new UserError(
      `The release of ${name} that serves is older than the question. Deploy this one; or: ${instead}`,
    );
  const slow = ran.output.includes("statement timeout") ? " Look at less: --since 10m." : "";
  throw new UserError(`The API of ${name} could not say what came: ${last.slice(0, 300)}.${slow}`);
}

async function ask(stack: Stack, sinceSeconds: number): Promise<Output | undefined> {
  const folders = findFolders();
  const sight = await (await platformOf(stack.name, folders)).sight(folders);
  return sight.withinApi(stack, [...OPERATE, "rates", String(sinceSeconds)]);
}
