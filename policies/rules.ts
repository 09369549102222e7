import type { Rule } from "./rule.ts";
import { backedUp } from "./rules/backed-up.ts";
import { budgeted } from "./rules/budgeted.ts";
import { encryptedAtRest } from "./rules/encrypted-at-rest.ts";
import { encryptedInTransit } from "./rules/encrypted-in-transit.ts";
import { hardened } from "./rules/hardened.ts";
import { imagesByDigest } from "./rules/images-by-digest.ts";
import { kept } from "./rules/kept.ts";
import { leastRights } from "./rules/least-rights.ts";
import { limited } from "./rules/limited.ts";
import { notPublic } from "./rules/not-public.ts";
import { probed } from "./rules/probed.ts";
import { tagged } from "./rules/tagged.ts";

/** Every rule of the pack. */
export const RULES: readonly Rule[] = [
  encryptedAtRest,
  encryptedInTransit,
  notPublic,
  leastRights,
  kept,
  backedUp,
  imagesByDigest,
  limited,
  probed,
  hardened,
  tagged,
  budgeted,
];
