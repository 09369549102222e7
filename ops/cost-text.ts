import { NOT_COUNTED, type Cost, type GpuHours } from "../infra/plan/cost.ts";
import { difference, isOverBudget, type StackCost } from "./cost.ts";
import { table, type Column } from "./table.ts";

/** `$1,234` */
export function dollars(usd: number): string {
  return `${usd < 0 ? "-" : ""}$${Math.abs(usd).toLocaleString("en-US", { maximumFractionDigits: Math.abs(usd) < 10 ? 2 : 0 })}`;
}

interface Line {
  readonly what: string;
  readonly name: string;
  readonly least: number;
  readonly most: number;
}

const COLUMNS: readonly Column<Line>[] = [
  { head: "WHAT", cell: ({ what }) => what },
  { head: "PRICED AS", cell: ({ name }) => name },
  { head: "LEAST", cell: ({ least }) => dollars(least), align: "right" },
  { head: "MOST", cell: ({ most }) => dollars(most), align: "right" },
];

/** @param jobsPerMonth for what a thousand jobs cost */
export function costText(stack: string, cost: StackCost, jobsPerMonth?: number): string {
  const { least, most, prices, unpriced } = cost;
  const thousand = perThousand(cost, jobsPerMonth);
  return [
    `${stack}: ${dollars(least)} a month at least, ${dollars(most)} at most`,
    ...(thousand === undefined ? [] : [`  ${dollars(thousand.least)} to ${dollars(thousand.most)} for 1,000 jobs`]),
    ...cost.gpuHours.map((hours) => `  ${gpuText(hours)}`),
    ...(isOverBudget(cost) ? [`  over budget: ${dollars(least)} of ${dollars(cost.budgetUsd ?? 0)}`] : []),
    "",
    table(COLUMNS, cost.lines),
    ...pricesText(prices),
    ...(unpriced.length === 0 ? [] : [`No price in the table, and not in the sums: ${unpriced.join(", ")}.`]),
    `Not counted: ${NOT_COUNTED}.`,
    "",
  ].join("\n");
}

function pricesText(prices: Cost["prices"]): string[] {
  return prices === undefined ? [] : [`Prices: ${prices.sources.join("; ")}. The oldest is of ${prices.oldest}.`];
}

/** What a thousand jobs cost of a month that has so many. */
export function perThousand(cost: StackCost, jobsPerMonth?: number): { least: number; most: number } | undefined {
  if (jobsPerMonth === undefined) return undefined;
  const thousands = jobsPerMonth / 1000;
  return { least: cost.least / thousands, most: cost.most / thousands };
}

function gpuText({ pool, model, least, most }: GpuHours): string {
  return `${pool}: ${least.toLocaleString("en-US")} to ${most.toLocaleString("en-US")} hours of ${model} a month`;
}

/** Lines for a stack's part of a comment. */
export function costNotes(cost: StackCost, before: StackCost | undefined): string[] {
  const more = difference(cost, before);
  const beside =
    more === undefined
      ? ""
      : Math.abs(more) < 0.005
        ? ", as before"
        : `, **${more > 0 ? "+" : ""}${dollars(more)}** beside the base`;
  const { budgetUsd, least, most, prices, unpriced } = cost;
  return [
    `Costs ${dollars(least)} (least) to ${dollars(most)} (most) a month${beside}.${pricesText(prices)
      .map((text) => ` ${text}`)
      .join("")}`,
    ...(isOverBudget(cost) ? [`**Over budget: ${dollars(least)} of ${dollars(budgetUsd ?? 0)}.**`] : []),
    ...(unpriced.length === 0 ? [] : [`Without a price: ${unpriced.join(", ")}.`]),
    ...cost.gpuHours.map((hours) => `GPU hours of ${gpuText(hours)}.`),
  ];
}
