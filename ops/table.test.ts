import { expect, test } from "vitest";
import { facts, table } from "./table.ts";

test("columns are as wide as their widest cell, numbers stand to the right, and no line ends with spaces", () => {
  const columns = [
    { head: "LABEL", cell: ({ label }: { label: string }) => label },
    { head: "JOBS", cell: ({ label }: { label: string }) => String(label.length), align: "right" as const },
    { head: "STATE", cell: () => "good" },
  ];
  expect(table(columns, [{ label: "a" }, { label: "twelve chars" }])).toBe(
    "LABEL         JOBS  STATE\na                1  good\ntwelve chars    12  good\n",
  );
  expect(table(columns.slice(0, 1), [])).toBe("LABEL\n");
});

test("facts stand below each other", () => {
  expect(
    facts([
      ["RTO", "12 s"],
      ["Backup", "x"],
    ]),
  ).toBe("  RTO     12 s\n  Backup  x\n");
});
