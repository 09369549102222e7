import { Budget } from "@pulumi/aws/budgets/budget.js";
import type { BudgetSettings } from "../../configs/aws-data-settings.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import { STACK_TAG } from "./tags.ts";

export interface BudgetArgs {
  readonly settings: BudgetSettings;
  readonly place: AwsPlace;
}

/**
 * What a month may cost, and who hears when it costs more, or is about to.
 *
 * AWS knows a cost by its tag from the day on which the tag was activated for cost allocation, in the account that pays; until then the
 * budget stands at 0.
 */
export function budget({ settings, place }: BudgetArgs): Budget {
  const { monthlyUsd, alertPercents, forecastPercent, emails, topics } = settings;
  const notice = (notificationType: "ACTUAL" | "FORECASTED", threshold: number) => ({
    comparisonOperator: "GREATER_THAN",
    notificationType,
    threshold,
    thresholdType: "PERCENTAGE",
    ...(emails.length > 0 ? { subscriberEmailAddresses: emails } : {}),
    ...(topics.length > 0 ? { subscriberSnsTopicArns: topics } : {}),
  });
  return new Budget(
    "budget",
    {
      budgetType: "COST",
      timeUnit: "MONTHLY",
      limitAmount: String(monthlyUsd),
      limitUnit: "USD",
      costFilters: [{ name: "TagKeyValue", values: [`user:${STACK_TAG}$${place.stack}`] }],
      notifications: [
        ...alertPercents.map((percent) => notice("ACTUAL", percent)),
        notice("FORECASTED", forecastPercent),
      ],
      tags: tagged(place, "budget"),
    },
    options(place),
  );
}
