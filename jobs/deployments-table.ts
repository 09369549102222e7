import { z } from "zod";
import { run, type Queryable } from "./database.ts";

/** A deployment as its log has it; `toolchain/deployment/deployments-log.ts` writes it. Whatever else a newer one says is passed over. */
export const recordSchema = z.object({
  id: z.uuid(),
  number: z.int().positive(),
  command: z.string(),
  by: z.string(),
  version: z.string(),
  images: z.record(z.string(), z.string()).optional(),
  schemaNeeds: z.int().optional(),
  schemaBefore: z.int().optional(),
  schemaAfter: z.int().optional(),
  backup: z.string().optional(),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  outcome: z.enum(["succeeded", "failed", "interrupted"]).optional(),
  step: z.string().optional(),
  reason: z.string().optional(),
  serving: z.string().optional(),
});
export type DeploymentRow = z.infer<typeof recordSchema>;

const WRITE = {
  name: "deployment-write",
  text: `INSERT INTO deployments (id, number, command, by, version, images, schema_before, schema_after, backup, started_at, ended_at,
           outcome, step, reason, serving, schema_needs)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (id) DO UPDATE SET images = excluded.images, schema_before = excluded.schema_before,
           schema_after = excluded.schema_after, backup = excluded.backup, ended_at = excluded.ended_at, outcome = excluded.outcome,
           step = excluded.step, reason = excluded.reason, serving = excluded.serving, version = excluded.version,
           schema_needs = coalesce(excluded.schema_needs, deployments.schema_needs)`,
};

/** Writes deployments into their table, or what became known of them since. */
export async function writeDeployments(db: Queryable, records: readonly DeploymentRow[]): Promise<void> {
  for (const one of records) {
    const images = one.images === undefined ? null : JSON.stringify(one.images);
    await run(db, WRITE, [
      ...[one.id, one.number, one.command, one.by, one.version, images, one.schemaBefore, one.schemaAfter],
      ...[one.backup, one.startedAt, one.endedAt, one.outcome, one.step, one.reason, one.serving, one.schemaNeeds],
    ]);
  }
}

/** How many deployments are told of: a log that begins today goes back further than images are kept. */
export const NEWEST = 100;

const READ = {
  name: "deployments-newest",
  text: `SELECT id, number, command, by, version, images, schema_before AS "schemaBefore", schema_after AS "schemaAfter", backup,
           started_at AS "startedAt", ended_at AS "endedAt", outcome, step, reason, serving, schema_needs AS "schemaNeeds"
         FROM deployments ORDER BY started_at DESC, number DESC LIMIT $1`,
};

/** The newest deployments, oldest first, as a log would have them. */
export async function readDeployments(db: Queryable): Promise<readonly DeploymentRow[]> {
  const rows = await run<Record<string, unknown>>(db, READ, [NEWEST]);
  return rows.toReversed().map((row) => {
    const known = Object.entries(row).filter(([, value]) => value !== null);
    return recordSchema.parse(
      Object.fromEntries(known.map(([key, value]) => [key, value instanceof Date ? value.toISOString() : value])),
    );
  });
}
