import { createHash } from "node:crypto";
import { element, type AskMoto, type AwsAnswer, type AwsHandler, type AwsRequest } from "./front-wire.ts";

/**
 * RDS: what moto takes of a request and forgets, Performance Insights of instances and that parameters of a group are the user's own; resource ids of
 * instances, of which moto has one for all; that what is restored is no replica; and what it is told not to have of the other one.
 */

/** Fields of the requests, and the elements that tell them. */
const INSIGHTS: Readonly<Record<string, string>> = {
  EnablePerformanceInsights: "PerformanceInsightsEnabled",
  PerformanceInsightsKMSKeyId: "PerformanceInsightsKMSKeyId",
  PerformanceInsightsRetentionPeriod: "PerformanceInsightsRetentionPeriod",
};

/** Elements with their values, by the instance's name. */
type Known = Map<string, Map<string, string>>;

export function databases(): AwsHandler {
  const known: Known = new Map();
  return (request, ask) => {
    const form = new URLSearchParams(request.text);
    switch (form.get("Action")) {
      case "CreateDBInstance":
      case "ModifyDBInstance":
        keep(form, known);
        return told(request, ask, known);
      case "RestoreDBInstanceToPointInTime":
        // All that moto keeps of the other one is of this one too.
        known.set(
          form.get("TargetDBInstanceIdentifier") ?? "",
          new Map(known.get(form.get("SourceDBInstanceIdentifier") ?? "")),
        );
        return restored(request, ask, { form, known });
      case "DescribeDBInstances":
        return described(request, ask, { form, known });
      case "DeleteDBInstance":
        return told(request, ask, known);
      case "DescribeDBParameters":
        return owned(request, ask);
      default:
        return undefined;
    }
  };
}

function keep(form: URLSearchParams, known: Known): void {
  const name = form.get("DBInstanceIdentifier") ?? "";
  const fields = known.get(name) ?? new Map<string, string>();
  for (const [field, told] of Object.entries(INSIGHTS)) {
    const value = form.get(field);
    if (value !== null) fields.set(told, value);
  }
  known.set(name, fields);
}

const INSTANCE = /<DBInstance>[\s\S]*?<\/DBInstance>/g;

/** moto takes what is restored for a replica. The stack has none. */
const REPLICATED = /<ReadReplicaSourceDBInstanceIdentifier>[^<]*<\/ReadReplicaSourceDBInstanceIdentifier>/;

async function told(request: AwsRequest, ask: AskMoto, known: Known): Promise<AwsAnswer> {
  return mended(await ask(request), INSTANCE, (instance) => {
    const name = nameOf(instance);
    const own = withElement(instance.replace(REPLICATED, ""), "DbiResourceId", resourceId(name));
    return [...(known.get(name) ?? [])].reduce((text, [field, value]) => withElement(text, field, value), own);
  });
}

/** What an instance may be told not to have. */
const SWITCHES = ["MultiAZ", "PubliclyAccessible", "DeletionProtection", "CopyTagsToSnapshot"] as const;

/** moto takes no `false` for an answer where it restores: all of these are as the other one's. A change it takes. */
async function restored(request: AwsRequest, ask: AskMoto, { form, known }: Asked): Promise<AwsAnswer> {
  const answer = await told(request, ask, known);
  const off = SWITCHES.filter((name) => form.get(name) === "false");
  if (answer.status !== 200 || off.length === 0) return answer;
  const change = new URLSearchParams({
    ...{ Action: "ModifyDBInstance", Version: form.get("Version") ?? "", ApplyImmediately: "true" },
    DBInstanceIdentifier: form.get("TargetDBInstanceIdentifier") ?? "",
    ...Object.fromEntries(off.map((name) => [name, "false"])),
  });
  const changed = await ask(withForm(request, change));
  return changed.status === 200 ? answer : changed;
}

interface Asked {
  readonly form: URLSearchParams;
  readonly known: Known;
}

/** All of them, or the one that has a resource id: the provider finds an instance by it. */
async function described(request: AwsRequest, ask: AskMoto, { form, known }: Asked): Promise<AwsAnswer> {
  const [name, value] = ["Name", "Values.Value.1"].map((field) => form.get(`Filters.Filter.1.${field}`));
  if (name !== "dbi-resource-id") return told(request, ask, known);
  for (const field of [...form.keys()].filter((key) => key.startsWith("Filters."))) form.delete(field);
  const answer = await told(withForm(request, form), ask, known);
  return mended(answer, INSTANCE, (instance) => (resourceId(nameOf(instance)) === value ? instance : ""));
}

function withForm(request: AwsRequest, form: URLSearchParams): AwsRequest {
  const body = Buffer.from(form.toString());
  return { ...request, headers: { ...request.headers, "content-length": String(body.length) }, body };
}

function nameOf(instance: string): string {
  return /<DBInstanceIdentifier>([^<]*)</.exec(instance)?.[1] ?? "";
}

/** As RDS': `db-` and 26 capitals and digits, the same for as long as the instance is there. */
function resourceId(name: string): string {
  return `db-${createHash("sha256").update(name).digest("hex").slice(0, 26).toUpperCase()}`;
}

/** moto knows of parameters that were set, and of no others. */
async function owned(request: AwsRequest, ask: AskMoto): Promise<AwsAnswer> {
  return mended(await ask(request), /<Parameter>[\s\S]*?<\/Parameter>/g, (parameter) =>
    withElement(parameter, "Source", "user"),
  );
}

/** The same element with one more in it; one that is there already is replaced. */
function withElement(text: string, name: string, value: string): string {
  const without = text.replace(new RegExp(`<${name}>[^<]*</${name}>|<${name} ?/>`), "");
  return without.replace(/<\/\w+>$/, (end) => element(name, value) + end);
}

function mended(answer: AwsAnswer, each: RegExp, mend: (text: string) => string): AwsAnswer {
  if (answer.status !== 200) return answer;
  return { ...answer, headers: { "content-type": "text/xml" }, body: String(answer.body).replace(each, mend) };
}
