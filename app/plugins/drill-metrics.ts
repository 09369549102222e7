import { Gauge, type Registry } from "prom-client";
import { run, type Queryable } from "../../jobs/database.ts";

const DRILLS = {
  name: "metrics-drills",
  // Before the first drill the age is that of the database itself: one that never comes is late too.
  text: `WITH good AS (
           SELECT ended_at, rto_seconds, rpo_seconds FROM drills WHERE outcome = 'succeeded' ORDER BY ended_at DESC LIMIT 1
         ), newest AS (
           SELECT outcome FROM drills ORDER BY ended_at DESC LIMIT 1
         )
         SELECT extract(epoch FROM now() - coalesce((SELECT ended_at FROM good), (SELECT min(applied_at) FROM schema_migrations)))::float8 AS age,
           coalesce((SELECT outcome = 'failed' FROM newest), false)::int AS failed,
           (SELECT rto_seconds FROM good) AS rto, (SELECT rpo_seconds FROM good) AS rpo`,
};

interface DrillRow {
  readonly age: number;
  readonly failed: number;
  readonly rto: number | null;
  readonly rpo: number | null;
}

/** What each is, by the column that has it. */
const GAUGES = {
  age: ["slipway_drill_age_seconds", "Age of the newest drill that went well; before the first, that of the database"],
  failed: ["slipway_drill_failed", "Whether the newest drill failed: 1 or 0"],
  rto: ["slipway_drill_rto_seconds", "Recovery time that the newest drill measured"],
  rpo: ["slipway_drill_rpo_seconds", "Recovery point that the newest drill measured"],
} as const satisfies Record<keyof DrillRow, readonly [name: string, help: string]>;

/** What came of drills, from the database itself: it is told whether or not anybody drills, and wherever that is done. */
export function addDrills(registry: Registry, pool: Queryable): void {
  let read: Promise<DrillRow | undefined> = Promise.resolve(undefined);
  const columns = Object.keys(GAUGES) as (keyof DrillRow)[];
  for (const column of columns) {
    const [name, help] = GAUGES[column];
    const gauge: Gauge = new Gauge({
      ...{ name, help, registers: [registry] },
      collect: async () => {
        // One look for all of them. Without a database the rest is still told, and these are missing.
        if (column === "age")
          read = run<DrillRow & Record<string, unknown>>(pool, DRILLS).then(
            ([row]) => row,
            () => undefined,
          );
        const value = (await read)?.[column] ?? undefined;
        gauge.reset();
        if (value === undefined) gauge.remove();
        else gauge.set(value);
      },
    });
  }
}
