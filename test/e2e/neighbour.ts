import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A stack that was made and never deployed. */
const NO_STATE = JSON.stringify({ version: 3, checkpoint: { stack: "organization/slipway/neighbour" } });

/**
 * Makes a machine one with another stack: of such a one a destroy leaves the images, which others run their tests with.
 *
 * @param state the machine's folder for state
 */
export function makeNeighbour(state: string): void {
  const stacks = join(state, "slipway/.pulumi/stacks/slipway");
  mkdirSync(stacks, { recursive: true });
  writeFileSync(join(stacks, "neighbour.json"), NO_STATE);
}
