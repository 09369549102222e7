import { describe, expect, it } from "vitest";
import { dataChanges, describeDataChanges, previewSteps } from "./data-changes.ts";

const INSTANCE = "aws:rds/instance:Instance";
const VOLUME = "docker:index/volume:Volume";
const urn = (type: string, name: string) => `urn:pulumi:unit::slipway::slipway:aws:Platform$${type}::${name}`;
const step = (op: string, type = INSTANCE, name = "database") => ({ op, urn: urn(type, name) });

describe("what a preview would do to data", () => {
  it.each(["same", "update", "create", "read", "refresh", "import"])("is no loss by %s", (op) => {
    expect(dataChanges([step(op)])).toEqual([]);
  });

  it("is a loss where it is deleted, or made anew", () => {
    expect(dataChanges([step("delete")])).toEqual([{ what: "delete", type: INSTANCE, name: "database" }]);
    for (const op of ["replace", "create-replacement", "delete-replaced"])
      expect(dataChanges([step(op)])).toEqual([{ what: "replace", type: INSTANCE, name: "database" }]);
  });

  it("is told once, however many steps it takes", () => {
    const steps = [
      step("create-replacement"),
      step("replace"),
      step("delete-replaced"),
      step("delete", VOLUME, "postgres"),
    ];
    expect(dataChanges(steps).map(({ what, name }) => `${what} ${name}`)).toEqual([
      "replace database",
      "delete postgres",
    ]);
  });

  it("is none where it is no data", () => {
    expect(dataChanges([step("delete", "aws:rds/parameterGroup:ParameterGroup"), step("replace", "toString")])).toEqual(
      [],
    );
    expect(dataChanges([{ op: "constructor", urn: urn(INSTANCE, "database") }])).toEqual([]);
  });

  it.each([
    ["random:index/randomPassword:RandomPassword", "backup-key", "database-password"],
    [VOLUME, "backups", "secrets-postgres"],
    [VOLUME, "postgres-20261129", "socket-postgres"],
    [VOLUME, "objects", "edge"],
  ])("is a loss of %s %s, and none of %s", (type, name, other) => {
    expect(dataChanges([step("delete", type, other), step("delete", type, name)])).toMatchObject([{ name }]);
  });

  it("is read from what pulumi preview --json prints", () => {
    const { op, urn: ofStep } = step("delete");
    const printed = JSON.stringify({ steps: [{ op, urn: ofStep, oldState: { id: "db-1" } }], duration: 1 });
    expect(dataChanges(previewSteps(printed))).toEqual([{ what: "delete", type: INSTANCE, name: "database" }]);
    expect(previewSteps("{}")).toEqual([]);
  });

  it("is let through by name, that and no other", () => {
    const steps = [step("replace"), step("replace", VOLUME, "postgres")];
    expect(dataChanges(steps, ["database"]).map(({ name }) => name)).toEqual(["postgres"]);
    expect(dataChanges(steps, ["data"]).map(({ name }) => name)).toEqual(["database", "postgres"]);
  });

  it("is said with the stack's file, what it holds, and how to let it go", () => {
    const said = describeDataChanges(
      "prod",
      dataChanges([step("replace"), step("delete", VOLUME, "postgres")]),
      "make up STACK=prod ALLOW",
    );
    expect(said).toBe(
      "Pulumi.prod.yaml: data would be lost; nothing was changed.\n" +
        "  - database (aws:rds/instance:Instance) would be replaced: Postgres\n" +
        "  - postgres (docker:index/volume:Volume) would be deleted: Postgres, Redis, artifacts or backups\n" +
        "If that is meant, name each for this once: make up STACK=prod ALLOW='database postgres'. Else take back what asks for it.",
    );
  });
});
