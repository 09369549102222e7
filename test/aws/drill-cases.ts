import { describe, expect, it } from "vitest";
import { restoreOnAws } from "../../ops/aws-restore.ts";
import { drillHeld, drillsOf, inDatabase, instancesOf } from "./drills.ts";
import { switchingOf } from "./switching.ts";
import { NAMESPACE, type World } from "./world.ts";

/** Drills of a stack that is up. RDS is simulated, and one real Postgres stands for all of its instances. */
export function drillCases(world: () => World): void {
  describe("a drill of the database", () => {
    const drills = "SELECT outcome, migration_level > 0 AS has_level, faults FROM drills ORDER BY id";
    const good = { outcome: "succeeded", has_level: true, faults: [] };

    it("is an instance beside that is looked at, measured, noted where the stack serves, and gone: slipway drill", async () => {
      const before = await instancesOf(world());
      const { code, result } = await drillsOf(world()).drill();
      expect([code, result.label]).toEqual([0, before[0]]);
      expect(result.rows["jobs"]).toBeGreaterThan(0);
      expect(result.rtoSeconds).toBeGreaterThanOrEqual(result.recoverySeconds);
      expect(await instancesOf(world())).toEqual(before);
      expect(await inDatabase(world(), drills)).toEqual([good]);
      expect(await inDatabase(world(), "SELECT id FROM jobs WHERE queue = 'restore-check'")).toEqual([]);
      const { given } = world().agent;
      expect([...given.keys()]).toContain(`system:serviceaccount:${NAMESPACE}:drill`);
      expect(new Set(given.values()).size).toBe(given.size);
    });

    it("that is killed leaves its instance to the next, which is refused while another one runs", async () => {
      const before = await instancesOf(world());
      const isThere = async () => (await instancesOf(world())).length > before.length;
      const ended = await drillHeld(world(), isThere, async () => {
        await expect(drillsOf(world()).drill()).rejects.toThrow(/another one of this database runs/);
        await drillsOf(world()).kill();
      });
      expect(ended).toMatch(/137|without/);
      expect(await instancesOf(world())).toHaveLength(before.length + 1);
      expect((await drillsOf(world()).drill()).code).toBe(0);
      expect(await instancesOf(world())).toEqual(before);
      expect(await inDatabase(world(), drills)).toEqual([good, good]);
      await world().stack.good("preview", "--expect-no-changes");
    });
  });
}

/** What a restore says before anything is done. */
export function lossCases(world: () => World): void {
  describe("what a restore of the database would lose", () => {
    it("is counted in the cluster, and what would be done again: slipway restore", async () => {
      const to = new Date(Date.now() - 3_600_000).toISOString();
      const [row] = await inDatabase(world(), `SELECT count(*)::int AS jobs FROM jobs WHERE created_at > '${to}'`);
      const losses = (since: Date) => drillsOf(world()).losses(since);
      const switching = switchingOf(world().stack);
      const plan = { stack: "test", switching, isYes: false, now: Date.now(), losses };
      const { result, text } = await restoreOnAws({ ...plan, moment: { typed: to, to, isFixed: true } });
      expect(row?.["jobs"]).toBeGreaterThan(0);
      expect(result).toMatchObject({ jobsLost: row?.["jobs"], jobsAgain: 0 });
      expect(text).toMatch(/lose +\d+ jobs? accepted since/);
    });
  });
}
