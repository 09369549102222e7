import type { ListResult } from "../../backup/protocol.ts";
import { formatSpan } from "../quantities.ts";
import { atMost, bad, good, warning, worstOf, type Look } from "./finding.ts";
import type { World } from "./world.ts";

/** How the agent begins what it says of each backup whose key is nowhere else. */
const NOT_ESCROWED = "key-not-escrowed";

/** Fresh, whole, and their key kept elsewhere. */
export function judgeBackups(
  list: ListResult,
  { stack, now, settings }: Pick<World, "stack" | "now" | "settings">,
): Look {
  const { backups, key, archive } = list;
  const last = backups.at(-1);
  const option = `--stack ${stack}`;
  if (last === undefined) return warning("there is none yet", `Make one: ./slipway backup ${option}`);
  const seconds = (now.getTime() - Date.parse(last.endedAt)) / 1000;
  const faults = backups.flatMap(({ label, faults: own }) =>
    // Said once below, and of the stack: it is on each of them.
    own.filter((fault) => !fault.startsWith(NOT_ESCROWED)).map((fault) => `${label}: ${fault}`),
  );
  return worstOf([
    atMost(
      seconds / 3600,
      settings.backupHours,
      `the last one is ${formatSpan(seconds)} old`,
      `./slipway backup ${option}`,
    ),
    ...faults.map((fault) => bad(fault, `./slipway verify ${option}`)),
    key.isEscrowed
      ? good(`the key ${key.id} is kept elsewhere`)
      : warning(`the key ${key.id} is kept nowhere else`, `./slipway keys export --to FILE ${option}`),
    ...(archive.behindSeconds === undefined
      ? []
      : [
          atMost(
            archive.behindSeconds,
            { warning: 300, bad: 3600 },
            `the archive is ${formatSpan(archive.behindSeconds)} behind`,
            `./slipway logs ${option} backup --level warn`,
          ),
        ]),
  ]);
}
