import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { PURPOSES } from "../infra/aws/keys.ts";
import { formatPrices, parsePrices, type PriceTable } from "../infra/plan/prices.ts";
import { overlaid, shippedProd, usersOwn } from "../test/pulumi/prod-file.ts";
import { ROOT } from "../toolchain/folders.ts";
import { costNotes, costText, dollars, perThousand } from "./cost-text.ts";
import { difference, isOverBudget, KMS_KEYS, stackCost, type StackCost } from "./cost.ts";
import { previewMarkdown } from "./preview-markdown.ts";
import { refreshed } from "./price-list.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-cost-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The shipped prod file, with what is a user's own, as a file. */
function costOf(own: object = {}): StackCost {
  const whole = overlaid(overlaid(shippedProd(), usersOwn({ caBundle: "rds.pem" })), own);
  const config = Object.fromEntries(Object.entries(whole).map(([key, value]) => [`slipway:${key}`, value]));
  const secret = { "slipway:databasePassword": { secure: "v1:a:b" } };
  writeFileSync(join(folder, "Pulumi.unit.yaml"), stringify({ config: { ...config, ...secret } }));
  const cost = stackCost("unit", folder);
  if (cost === undefined) throw new Error("a stack on AWS costs something");
  return cost;
}

describe("what a stack costs", () => {
  it("is counted from its file, of which nothing is opened", () => {
    const cost = costOf();
    expect(cost.unpriced).toEqual([]);
    expect(cost.least).toBeGreaterThan(500);
    expect(cost.most).toBeGreaterThan(cost.least);
    expect(cost.lines.find(({ what }) => what === "keys")?.least).toBe(Object.keys(PURPOSES).length + 1);
    expect(KMS_KEYS).toBe(Object.keys(PURPOSES).length);
  });

  it("is nothing on machines that are there already, and for a stack without a file", () => {
    expect(stackCost("dev", ROOT)).toBeUndefined();
    expect(stackCost("nowhere", folder)).toBeUndefined();
  });

  it("is told beside the base, for 1,000 jobs, and with GPU hours", () => {
    const before = costOf();
    const image = `registry.example.org/nvidia@sha256:${"5".repeat(64)}`;
    const images = { devicePlugin: image, dcgmExporter: image };
    const gpu = { kubernetes: { images }, aws: { pools: { gpu: [{ shape: "l4", min: 1, max: 2 }] } } };
    const after = costOf(gpu);
    expect(difference(after, before)).toBeCloseTo(730 * 1.0061 + 120 * 0.0952, 2);
    const notes = costNotes(after, before).join("\n");
    expect(notes).toContain(`**+${dollars(after.least - before.least)}** beside the base`);
    expect(notes).toContain("GPU hours of gpu-l4: 730 to 1,460 hours of L4 a month");
    expect(costNotes(before, before)[0]).toMatch(
      /, as before\. Prices: AWS' .*not fetched\. The oldest is of 2025-10\.$/,
    );
    expect(perThousand(before, 2_000_000)?.least).toBeCloseTo(before.least / 2000);
    const text = costText("unit", after, 1_000_000);
    for (const part of ["for 1,000 jobs", "not fetched. The oldest is of 2025-10.", "Not counted: traffic"])
      expect(text).toContain(part);
  });

  it("is over a budget by what always runs", () => {
    const { least } = costOf();
    expect(isOverBudget(costOf({ budget: { monthlyUsd: Math.ceil(least) } }))).toBe(false);
    const over = costOf({ budget: { monthlyUsd: Math.floor(least) } });
    expect(isOverBudget(over)).toBe(true);
    const preview = {
      stack: "unit",
      isNew: false,
      isSealed: true,
      changes: [],
      unchanged: 1,
      policies: [],
      cost: over,
    };
    expect(previewMarkdown([preview])).toContain("**Over budget: ");
  });
});

describe("prices of a local server that stands in for AWS' list", () => {
  let server: Server;
  let answers: Readonly<Record<string, string>>;
  const old = (usd: number, source = "unit") => ({ usd, date: "2025-10", source });
  const table: PriceTable = {
    sources: { unit: "a table of tests", gone: "another" },
    rows: [
      {
        ...{ service: "EC2", name: "m7i.large", unit: "hour" },
        prices: { "us-east-1": old(9, "gone"), "eu-central-1": old(9, "gone") },
        match: { offer: "AmazonEC2", usage: "BoxUsage:m7i.large", operation: "RunInstances" },
      },
      { service: "Backup", name: "RDS snapshots", unit: "GiB-month", prices: { "us-east-1": old(0.095) } },
    ],
  };
  const line = (...cells: readonly string[]) => cells.map((cell) => `"${cell}"`).join(",");
  const head = line("SKU", "TermType", "StartingRange", "PricePerUnit", "usageType", "operation");
  const list = (...rows: readonly string[]) => ['"FormatVersion","v1.0"', head, ...rows].join("\n");
  const path = (region: string) => `/offers/v1.0/aws/AmazonEC2/current/${region}/index.csv`;
  const from = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  beforeEach(async () => {
    answers = {
      [path("us-east-1")]: list(
        line("A", "Reserved", "", "0.01", "BoxUsage:m7i.large", "RunInstances"),
        line("B", "OnDemand", "0", "0.2", "BoxUsage:m7i.large", "RunInstances:0002"),
        line("C", "OnDemand", "0", "0.1008", "BoxUsage:m7i.large", "RunInstances"),
      ),
      [path("eu-central-1")]: list(
        line("D", "OnDemand", "0", "0.5", "EUC1-DedicatedBoxUsage:m7i.large", "RunInstances"),
        line("E", "OnDemand", "0", "0.12", "EUC1-BoxUsage:m7i.large", "RunInstances"),
      ),
    };
    server = createServer((request, response) => {
      const answer = answers[request.url ?? ""];
      response.writeHead(answer === undefined ? 404 : 200).end(answer);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
  });
  afterEach(() => server.close());

  it("are taken by use, operation and region, each with its date, and what the list does not name keeps its own", async () => {
    const { rows, sources } = await refreshed(table, from(), () => undefined);
    const date = expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/) as string;
    const now = (usd: number) => ({ usd, date, source: "list" });
    expect(rows[0]?.prices).toEqual({ "us-east-1": now(0.1008), "eu-central-1": now(0.12) });
    expect(rows[1]).toEqual(table.rows[1]);
    expect(sources).toEqual({ unit: "a table of tests", list: "AWS' public list of prices, on demand" });
  });

  it("that one region's list has not stay as they were there, and the file says all of it", async () => {
    answers = { ...answers, [path("eu-central-1")]: list() };
    const fresh = await refreshed(table, from(), () => undefined);
    expect(fresh.rows[0]?.prices).toMatchObject({
      "us-east-1": { usd: 0.1008, source: "list" },
      "eu-central-1": old(9, "gone"),
    });
    expect(parsePrices(formatPrices(fresh))).toEqual(fresh);
  });

  it("stay where the list does not answer, or is none", async () => {
    answers = { ...answers, [path("eu-central-1")]: "<html>" };
    await expect(refreshed(table, from(), () => undefined)).rejects.toThrow(/no list of prices.*Nothing was written/s);
    answers = {};
    await expect(refreshed(table, from(), () => undefined)).rejects.toThrow(/answered with 404/);
    await expect(refreshed(table, "http://127.0.0.1:9", () => undefined)).rejects.toThrow(/does not answer/);
  });
});
