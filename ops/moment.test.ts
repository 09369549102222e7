import fc from "fast-check";
import { expect, test } from "vitest";
import type { BackupRecord, ListResult } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { checkReach, parseMoment } from "./moment.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");

test.each([
  ["latest", "latest", false],
  [" latest ", "latest", false],
  ["20261129-023000F", "20261129-023000F", true],
  ["20261129-023000F_20261130-023000I", "20261129-023000F_20261130-023000I", true],
  ["2026-11-29T02:30:00Z", "2026-11-29T02:30:00.000Z", true],
  ["2026-11-29T02:30Z", "2026-11-29T02:30:00.000Z", true],
  ["2026-11-29 02:30:00.25z", "2026-11-29T02:30:00.250Z", true],
  ["2026-11-29T03:30:00+01:00", "2026-11-29T02:30:00.000Z", true],
  ["2026-11-28T21:30:00-0500", "2026-11-29T02:30:00.000Z", true],
  ["10m ago", "2026-11-29T11:50:00.000Z", false],
  ["1h 30m ago", "2026-11-29T10:30:00.000Z", false],
  ["1h30m ago", "2026-11-29T10:30:00.000Z", false],
  ["1.5d ago", "2026-11-28T00:00:00.000Z", false],
  ["0s ago", "2026-11-29T12:00:00.000Z", false],
])("%j goes to %s", (typed, to, isFixed) => {
  expect(parseMoment(typed, NOW)).toEqual({ typed, to, isFixed });
});

test.each([
  ["", "Allowed are"],
  ["yesterday", "Allowed are"],
  ["10 ago", "Allowed are"],
  ["10m", "Allowed are"],
  ["-10m ago", "Allowed are"],
  ["2026-11-29", "Allowed are"],
  ["1764383400", "Allowed are"],
  ["2026-11-29T02:30:00", "without a zone"],
  ["2026-13-29T02:30:00Z", "no time of the calendar"],
  ["2026-02-30T02:30:00Z", "no time of the calendar"],
  ["2026-11-29T25:30:00Z", "no time of the calendar"],
  ["2026-11-29T12:00:01Z", "in the future: it is 2026-11-29T12:00:00Z now"],
  ["20261129-023000X", "Allowed are"],
])("%j is refused as wrong usage: %s", (typed, why) => {
  const refused = () => parseMoment(typed, NOW);
  expect(refused).toThrow(UserError);
  expect(refused).toThrow(why);
  expect(refused).toThrow(expect.objectContaining({ exitCode: 2 }));
});

test("whatever is typed is taken or refused with what is allowed", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d(Z|\+\d\d:\d\d)$/)), (typed) => {
      try {
        const { to } = parseMoment(typed, NOW);
        expect(to === "latest" || /^\d{8}-/.test(to) || Date.parse(to) <= NOW).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    }),
  );
});

const backup = (label: string, endedAt: string) => ({ label, endedAt }) as BackupRecord;
const list: ListResult = {
  backups: [backup("20261129-023000F", "2026-11-29T02:31:00Z"), backup("20261128-023000F", "2026-11-28T02:31:00Z")],
  key: { id: "k", isEscrowed: true },
  archive: { reachesTo: "2026-11-29T11:59:30Z" },
};

test("what lies behind the first backup can be reached, and any backup", () => {
  for (const typed of ["latest", "20261128-023000F", "2026-11-28T02:31:00Z", "5m ago"])
    checkReach(parseMoment(typed, NOW), list);
});

test.each([
  ["2026-11-28T02:30:59Z", "lies between 2026-11-28T02:31:00Z and 2026-11-29T11:59:30Z"],
  ["3d ago", "lies between 2026-11-28T02:31:00Z and 2026-11-29T11:59:30Z"],
  ["20261127-023000F", "There are: 20261129-023000F, 20261128-023000F"],
])("%s is refused with what can be: %s", (typed, why) => {
  const refused = () => {
    checkReach(parseMoment(typed, NOW), list);
  };
  expect(refused).toThrow(why);
  expect(refused).toThrow(expect.objectContaining({ exitCode: 2 }));
});

test("without a backup nothing can be", () => {
  expect(() => {
    checkReach(parseMoment("latest", NOW), { ...list, backups: [] });
  }).toThrow("./slipway backup");
});
