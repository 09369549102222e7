import { EXIT } from "../backup/protocol.ts";
import { isOverBudget, OVER_BUDGET } from "./cost.ts";
import type { Previewed } from "./preview-markdown.ts";
import { violationsOf } from "./refusal.ts";

/**
 * How a preview of several stacks ends: one that failed, or that mandatory policies refuse, is told before one that costs too much.
 *
 * @param allowOverBudget whether a stack may cost more than its budget, for this once
 */
export function exitCodeOf(previews: readonly Previewed[], allowOverBudget: boolean): number {
  if (previews.some((one) => "failure" in one || violationsOf(one.policies).length > 0)) return EXIT.failed;
  const isOver = previews.some(({ cost }) => cost !== undefined && isOverBudget(cost));
  return isOver && !allowOverBudget ? OVER_BUDGET : EXIT.good;
}
