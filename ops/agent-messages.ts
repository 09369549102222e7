import { z } from "zod";
import type { Losses } from "../backup/losses.ts";
import type {
  BackupRecord,
  BroughtBack,
  DatabaseDrill,
  DrillResult,
  EscrowResult,
  ListResult,
  ProgressEvent,
  RestorePlan,
  RestoreResult,
  VerifyResult,
} from "../backup/protocol.ts";

/** What the backup agent says, checked where it comes in. An agent of a newer stack may say more: what is not known here is left out. */
const count = z.int().nonnegative();
const seconds = z.number();

export const progressSchema = z.object({
  event: z.literal("progress"),
  step: z.string(),
  doneBytes: z.number().nonnegative().exactOptional(),
  totalBytes: z.number().nonnegative().exactOptional(),
}) satisfies z.ZodType<ProgressEvent>;

export const failureSchema = z.object({ event: z.literal("failure"), message: z.string() });

export const backupSchema = z.object({
  label: z.string(),
  type: z.enum(["full", "incr"]),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  databaseBytes: count,
  addedBytes: count,
  artifacts: z.object({ count, bytes: count, addedBytes: count }),
  redisBytes: count,
  migrationLevel: count,
  jobs: count,
  keyId: z.string(),
  repositories: z.array(z.string()),
  faults: z.array(z.string()),
}) satisfies z.ZodType<BackupRecord>;

export const listSchema = z.object({
  backups: z.array(backupSchema),
  key: z.object({ id: z.string(), isEscrowed: z.boolean() }),
  archive: z.object({ reachesTo: z.iso.datetime().exactOptional(), behindSeconds: seconds.exactOptional() }),
}) satisfies z.ZodType<ListResult>;

export const verifySchema = z.object({
  sets: z.array(z.object({ label: z.string(), faults: z.array(z.string()) })),
  faults: z.array(z.string()),
}) satisfies z.ZodType<VerifyResult>;

export const planSchema = z.object({
  label: z.string(),
  target: z.iso.datetime(),
  lostSeconds: seconds,
  jobsLost: count,
  jobsAgain: count,
  databaseBytes: count,
}) satisfies z.ZodType<RestorePlan>;

export const restoreSchema = z.object({
  label: z.string(),
  target: z.iso.datetime(),
  reached: z.iso.datetime().exactOptional(),
  migrationLevel: count,
  rows: z.record(z.string(), count),
  recoverySeconds: seconds,
  totalSeconds: seconds,
  missingArtifacts: count,
}) satisfies z.ZodType<RestoreResult>;

export const broughtBackSchema = z.object({
  artifacts: count,
  bytes: count,
  missing: count,
}) satisfies z.ZodType<BroughtBack>;

export const drillSchema = restoreSchema.extend({
  rtoSeconds: seconds,
  rpoSeconds: seconds,
}) satisfies z.ZodType<DrillResult>;

export const databaseDrillSchema = drillSchema.omit({ missingArtifacts: true }) satisfies z.ZodType<DatabaseDrill>;

export const lossesSchema = planSchema.pick({ jobsLost: true, jobsAgain: true }) satisfies z.ZodType<Losses>;

export const escrowSchema = z.object({
  keyId: z.string(),
  sealed: z.string().exactOptional(),
  isVerified: z.boolean(),
}) satisfies z.ZodType<EscrowResult>;
