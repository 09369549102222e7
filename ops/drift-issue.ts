import { driftMarkdown } from "./drift-markdown.ts";
import { hasDrift, type Drift } from "./drift.ts";
import type { GitHub, Put } from "./github.ts";

/** The issue is found among those with it. */
export const DRIFT_LABEL = "slipway-drift";

/** One issue of a stack: open while there is drift, written anew when it is another one, closed when it is gone. */
export async function publishDrift(github: GitHub, drift: Drift): Promise<Put> {
  const [body, label] = [driftMarkdown(drift), DRIFT_LABEL];
  if (!hasDrift(drift)) return github.closeIssue({ body, label });
  return github.putIssue({ title: `Drift of ${drift.stack}`, body, label });
}
