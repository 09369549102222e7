import { z } from "zod";
import { askAction, parseInput, targetOf } from "./front-target.ts";
import { json, WireError, type AskMoto, type AwsAnswer, type AwsHandler, type AwsRequest } from "./front-wire.ts";

/** Budgets: who is told, tags, the beginning of the period, and changes, which moto knows nothing of. */

const notificationSchema = z.record(z.string(), z.unknown());
const subscribersSchema = z.array(z.record(z.string(), z.unknown()));
const tagsSchema = z.array(z.object({ Key: z.string(), Value: z.string() }));
const budgetSchema = z.looseObject({
  BudgetName: z.string(),
  TimePeriod: z.looseObject({ Start: z.number().optional() }).optional(),
});

const createSchema = z.looseObject({
  Budget: budgetSchema,
  NotificationsWithSubscribers: z
    .array(z.object({ Notification: notificationSchema, Subscribers: subscribersSchema }))
    .default([]),
  ResourceTags: tagsSchema.default([]),
});
const ofBudgetSchema = z.looseObject({ BudgetName: z.string() });
const ofNotificationSchema = z.object({
  BudgetName: z.string(),
  Notification: notificationSchema,
  Subscribers: subscribersSchema.default([]),
});
const ofResourceSchema = z.object({
  ResourceARN: z.string(),
  ResourceTags: tagsSchema.default([]),
  ResourceTagKeys: z.array(z.string()).default([]),
});

type Subscribers = z.infer<typeof subscribersSchema>;

interface Kept {
  /** By the notification that they get. */
  readonly subscribers: Map<string, Subscribers>;
  readonly tags: Map<string, string>;
}

interface Call {
  readonly request: AwsRequest;
  readonly ask: AskMoto;
  readonly budgets: Map<string, Kept>;
}

const ACTIONS: Readonly<Record<string, (call: Call) => AwsAnswer | undefined | Promise<AwsAnswer>>> = {
  CreateBudget: create,
  UpdateBudget: update,
  DeleteBudget: ({ request, budgets }) => {
    budgets.delete(parseInput(ofBudgetSchema, request).BudgetName);
    return undefined;
  },
  CreateNotification: (call) => {
    const { BudgetName, Notification, Subscribers } = parseInput(ofNotificationSchema, call.request);
    named(call, BudgetName).subscribers.set(keyOf(Notification), Subscribers);
    return undefined;
  },
  DescribeSubscribersForNotification: (call) => {
    const { BudgetName, Notification } = parseInput(ofNotificationSchema, call.request);
    return json({ Subscribers: named(call, BudgetName).subscribers.get(keyOf(Notification)) ?? [] });
  },
  ListTagsForResource: (call) => {
    const tags = [...tagged(call)].map(([Key, Value]) => ({ Key, Value }));
    return json({ ResourceTags: tags });
  },
  TagResource: (call) => {
    const tags = tagged(call);
    for (const { Key, Value } of parseInput(ofResourceSchema, call.request).ResourceTags) tags.set(Key, Value);
    return json({});
  },
  UntagResource: (call) => {
    const tags = tagged(call);
    for (const key of parseInput(ofResourceSchema, call.request).ResourceTagKeys) tags.delete(key);
    return json({});
  },
};

export function budgets(): AwsHandler {
  const kept = new Map<string, Kept>();
  return (request, ask) => ACTIONS[targetOf(request) ?? ""]?.({ request, ask, budgets: kept });
}

async function create({ request, ask, budgets: all }: Call): Promise<AwsAnswer> {
  const input = parseInput(createSchema, request);
  const { Budget, NotificationsWithSubscribers, ResourceTags } = input;
  const answer = await askAction(request, ask, "CreateBudget", { ...input, Budget: begun(Budget) });
  if (answer.status !== 200) return answer;
  all.set(Budget.BudgetName, {
    subscribers: new Map(
      NotificationsWithSubscribers.map(({ Notification, Subscribers }) => [keyOf(Notification), Subscribers]),
    ),
    tags: new Map(ResourceTags.map(({ Key, Value }) => [Key, Value])),
  });
  return answer;
}

/** moto makes it anew, with the notifications that it had. */
async function update({ request, ask }: Call): Promise<AwsAnswer> {
  const { NewBudget, AccountId } = parseInput(z.object({ AccountId: z.string(), NewBudget: budgetSchema }), request);
  const own = { AccountId, BudgetName: NewBudget.BudgetName };
  const answer = await askAction(request, ask, "DescribeNotificationsForBudget", own);
  const { Notifications } = z
    .object({ Notifications: z.array(notificationSchema) })
    .parse(JSON.parse(answer.body.toString()));
  await askAction(request, ask, "DeleteBudget", own);
  return askAction(request, ask, "CreateBudget", {
    ...{ AccountId, Budget: begun(NewBudget) },
    NotificationsWithSubscribers: Notifications.map((Notification) => ({ Notification, Subscribers: [] })),
  });
}

/** One without a beginning begins with the month. */
function begun(budget: z.infer<typeof budgetSchema>): object {
  const today = new Date();
  const Start = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), 1) / 1000;
  return { ...budget, TimePeriod: { Start, ...budget.TimePeriod } };
}

function named({ budgets: all }: Call, name: string): Kept {
  const kept = all.get(name);
  if (kept === undefined) throw new WireError("NotFoundException", `No budget ${name} found.`);
  return kept;
}

/** arn:aws:budgets::ACCOUNT:budget/NAME */
function tagged(call: Call): Map<string, string> {
  const { ResourceARN } = parseInput(ofResourceSchema, call.request);
  return named(call, ResourceARN.split("/").slice(1).join("/")).tags;
}

/** The fields stand in any order. */
function keyOf(notification: z.infer<typeof notificationSchema>): string {
  const { NotificationType, ComparisonOperator, Threshold } = notification;
  return JSON.stringify([NotificationType, ComparisonOperator, Number(Threshold)]);
}
