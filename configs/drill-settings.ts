import { parseJson } from "./json.ts";
import { z } from "zod";
import { text } from "./settings.ts";

/** Tag of what a drill makes on AWS, with the stack as its value: by it the next one knows what one that was killed has left. */
export const DRILL_TAG = "slipway:drill";

const TAGS = `JSON of tags, {"name": "value"}, with ${DRILL_TAG}`;

const tags = z.string({ error: TAGS }).transform((json, context): Readonly<Record<string, string>> => {
  const parsed = z.record(z.string(), z.string()).safeParse(parseJson(json));
  if (parsed.success && parsed.data[DRILL_TAG] !== undefined) return parsed.data;
  context.addIssue({ code: "custom", message: TAGS });
  return z.NEVER;
});

/** What only drills of a database of RDS read. */
export const DRILL_SETTINGS = {
  /** The instance that serves. */
  DRILL_SOURCE: text("the identifier of an instance of RDS"),
  /** The one that is made of it, and goes again. */
  DRILL_INSTANCE: text("the identifier of an instance of RDS that nothing else has"),
  DRILL_TAGS: tags,
} as const;
