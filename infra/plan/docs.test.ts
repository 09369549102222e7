import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { GPU_SHAPES } from "./gpu-shapes.ts";
import { carries } from "./size-capacity.ts";
import { SIZES } from "./sizes.ts";

/** Rows of the tables of docs/aws.md, cells without spaces around them. */
const rows = readFileSync(new URL("../../docs/aws.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test("the docs tell the sizes, and what they carry, as they are", () => {
  const told = Object.entries(SIZES).map(([name, size]) => {
    const { jobsPerSecond, jobsAtOnce, limitedBy } = carries(size);
    const span = ({ replicas, maxReplicas }: { replicas: number; maxReplicas: number }) => `${replicas}–${maxReplicas}`;
    const parts = [size.database.instanceClass, size.cache.nodeType, span(size.api), span(size.worker)];
    return [`\`${name}\``, ...parts, String(jobsPerSecond), String(jobsAtOnce), limitedBy];
  });
  expect(rows.filter(({ length }) => length === 8)).toEqual(told);
});

test("the docs tell every GPU shape, its machine and its GPUs", () => {
  const told = Object.entries(GPU_SHAPES).map(([name, { instanceType, gpus, model, gpuMemoryGiB }]) => [
    `\`${name}\``,
    instanceType,
    `${gpus} × ${model}, ${gpuMemoryGiB} GiB`,
  ]);
  expect(rows.filter(({ length }) => length === 3)).toEqual(told);
});
