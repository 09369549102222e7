import { describe, expect, it } from "vitest";
import type { BudgetSettings } from "../../configs/aws-data-settings.ts";
import { dataSettings, inputs, recordAws, TYPES } from "../../test/pulumi/aws-data.ts";
import { budget } from "./budget.ts";
import type { AwsPlace } from "./place.ts";

function settingsOf(more: object): BudgetSettings {
  const { budget: settings } = dataSettings({ budget: { monthlyUsd: 800, ...more } });
  if (settings === undefined) throw new Error("the settings have no budget");
  return settings;
}

const make = (more: object) => (place: AwsPlace) => budget({ settings: settingsOf(more), place });

describe("the budget", () => {
  it("counts what bears the stack's tag, month by month", async () => {
    const { resources } = await recordAws(make({ emails: ["team@example.org"] }));
    expect(inputs(resources, TYPES.budget, "budget")).toMatchObject({
      ...{ budgetType: "COST", timeUnit: "MONTHLY", limitAmount: "800", limitUnit: "USD" },
      costFilters: [{ name: "TagKeyValue", values: ["user:slipway:stack$unit"] }],
    });
  });

  it("tells those that it names, before it is spent and when it is about to be", async () => {
    const topic = "arn:aws:sns:eu-central-1:123456789012:team";
    const { resources } = await recordAws(make({ emails: ["team@example.org"], topics: [topic], alertPercents: [60] }));
    const told = { subscriberEmailAddresses: ["team@example.org"], subscriberSnsTopicArns: [topic] };
    const notice = { comparisonOperator: "GREATER_THAN", thresholdType: "PERCENTAGE", ...told };
    expect(inputs(resources, TYPES.budget, "budget")["notifications"]).toEqual([
      { ...notice, notificationType: "ACTUAL", threshold: 60 },
      { ...notice, notificationType: "FORECASTED", threshold: 100 },
    ]);
  });

  it("has no more than the five notices that AWS takes", async () => {
    const { resources } = await recordAws(make({ emails: ["team@example.org"], alertPercents: [25, 50, 75, 100] }));
    expect(inputs(resources, TYPES.budget, "budget")["notifications"]).toHaveLength(5);
  });
});
