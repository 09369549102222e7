import { z } from "zod";
import { EXIT } from "../backup/protocol.ts";
import { MOST_SECONDS, type Rate } from "../jobs/rates.ts";
import { UserError } from "../toolchain/command.ts";
import { OPERATE } from "../toolchain/deployment/operate.ts";
import { findFolders } from "../toolchain/folders.ts";
import { lookAt } from "../toolchain/platforms/platforms.ts";
import type { Steps } from "../toolchain/steps.ts";

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
export async function measuredRates(stack: string, sinceSeconds: number, steps: Steps): Promise<readonly Rate[]> {
  if (sinceSeconds > MOST_SECONDS)
    throw new UserError("--since is longer than 31d, the most that can be looked at.", EXIT.usage);
  const instead = "Say what comes yourself: --unmeasured --jobs speech=3/s --seconds speech=2";
  const { stack: opened, sight } = await lookAt(stack, findFolders(), steps);
  const ran = opened.exists ? await sight.withinApi(opened, [...OPERATE, "rates", String(sinceSeconds)]) : undefined;
  if (ran === undefined)
    throw new UserError(
      `No API of ${stack} runs, and it would have to be asked. make up STACK=${stack}; or: ${instead}`,
    );
  const last = ran.output.trim().split("\n").at(-1) ?? "";
  if (ran.code === 0) return ratesSchema.parse(JSON.parse(last));
  if (/Cannot find module|allowed are look/.test(ran.output))
    throw new UserError(
      `The release of ${stack} that serves is older than the question. Deploy this one; or: ${instead}`,
    );
  const slow = ran.output.includes("statement timeout") ? " Look at less: --since 10m." : "";
  throw new UserError(`The API of ${stack} could not say what came: ${last.slice(0, 300)}.${slow}`);
}
