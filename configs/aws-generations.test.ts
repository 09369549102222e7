import { describe, expect, it } from "vitest";
import { awsDataSchema } from "./aws-data-settings.ts";
import { generationFaults } from "./aws-generations.ts";

/** `<path>: <message>` of what a file may not say. */
const refused = (database: object) =>
  (awsDataSchema.safeParse({ database }).error?.issues ?? []).map(
    ({ path, message }) => `${path.join(".")}: ${message}`,
  );

/** `<path>: <message>` of what generations say against each other. */
function faultsOf(database: object): string[] {
  const { database: settings } = awsDataSchema.parse({ database });
  return generationFaults(settings).map(([path, message]) => `${path}: ${message}`);
}

describe("generations of the database", () => {
  it("are the first alone where nothing is said", () => {
    expect(awsDataSchema.parse({}).database).toMatchObject({ restored: [], serving: "first", keepFirst: true });
    expect(faultsOf({})).toEqual([]);
  });

  it("are made of the first, at the last moment that RDS has, where nothing else is said", () => {
    const { restored } = awsDataSchema.parse({ database: { restored: [{ name: "20261129t0230" }] } }).database;
    expect(restored).toEqual([{ name: "20261129t0230", from: "first", to: "latest" }]);
  });

  it.each([
    [{ restored: [{ name: "Upper" }] }, /^database.restored.0.name: must be small letters, digits/],
    [{ restored: [{ name: "a--b" }] }, /^database.restored.0.name: must be small letters, digits/],
    [{ restored: [{ name: "a".repeat(21) }] }, /^database.restored.0.name: .*<=20/],
    [{ restored: [{ name: "a", to: "yesterday" }] }, /^database.restored.0.to: must be latest or a moment, UTC/],
    [
      { restored: [{ name: "a", to: "2026-11-29T02:30:00+02:00" }] },
      /^database.restored.0.to: must be latest or a moment, UTC/,
    ],
    [{ restored: [{ name: "a", at: "latest" }] }, /Unrecognized key/],
  ])("%j is refused", (database, message) => {
    const faults = refused(database);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(message);
  });

  it("may be made of each other, in their order", () => {
    const chain = [{ name: "a" }, { name: "b", from: "a", to: "2026-11-29T02:30:00Z" }];
    expect(faultsOf({ restored: chain, serving: "b" })).toEqual([]);
    expect(faultsOf({ restored: chain, serving: "b", keepFirst: false })).toEqual([]);
  });

  it.each([
    [{ restored: [{ name: "first" }] }, "restored.0.name: must be a name of its own; first are taken"],
    [{ restored: [{ name: "a" }, { name: "a" }] }, "restored.1.name: must be a name of its own; first, a are taken"],
    [{ restored: [{ name: "a", from: "a" }] }, "restored.0.from: must be one before it: first"],
    [{ serving: "b", restored: [{ name: "a" }] }, "serving: must be a database that is there: first, a"],
    [{ keepFirst: false }, "serving: must be a database that is there: none is"],
    [{ keepFirst: false, restored: [{ name: "a" }] }, "serving: must be a database that is there: a"],
  ])("%j does not go together", (database, fault) => {
    expect(faultsOf(database)).toEqual([fault]);
  });
});
