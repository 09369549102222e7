import { at, listAt, value } from "../checks.ts";
import type { Rule } from "../rule.ts";
import { AWS } from "../types.ts";

export const budgeted: Rule = {
  name: "budgeted",
  description: "A stack on AWS has a budget, and somebody hears of it before it is spent.",
  mend: "Set slipway:aws.data.budget in the stack's file.",
  of: "prod",
  checks: {
    [AWS.budget]: {
      "has somebody who hears of it": ({ inputs }) =>
        listAt(inputs, "notifications").some(
          (one) =>
            listAt(one, "subscriberEmailAddresses").length > 0 || listAt(one, "subscriberSnsTopicArns").length > 0,
        ),
      "is told before the month is over": ({ inputs }) =>
        listAt(inputs, "notifications").some((one) => at(one, "notificationType") === "FORECASTED"),
      "has an amount": value("limitAmount", "above 0", (found) => Number(found) > 0),
    },
  },
  beside: {
    [AWS.cluster]: { "has a budget beside it": (_resource, all) => all.some(({ type }) => type === AWS.budget) },
  },
};
