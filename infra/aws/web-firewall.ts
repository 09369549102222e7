import { LogGroup } from "@pulumi/aws/cloudwatch/logGroup.js";
import type { input } from "@pulumi/aws/types/index.js";
import { WebAcl } from "@pulumi/aws/wafv2/webAcl.js";
import { WebAclAssociation } from "@pulumi/aws/wafv2/webAclAssociation.js";
import { WebAclLoggingConfiguration } from "@pulumi/aws/wafv2/webAclLoggingConfiguration.js";
import type { Input } from "@pulumi/pulumi";
import type { FirewallSettings } from "../../configs/aws-data-settings.ts";
import { stackPart } from "./own-name.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import { stateful } from "./stateful.ts";

export interface FirewallArgs {
  readonly settings: FirewallSettings;
  /** ARN of the load balancer that it stands before. */
  readonly loadBalancerArn: Input<string>;
  /** ARN of the KMS key that encrypts its log. */
  readonly logsKeyArn: Input<string>;
  readonly place: AwsPlace;
}

type Rule = input.wafv2.WebAclRule;

interface ManagedGroup {
  readonly rule: string;
  readonly name: string;
  /**
   * Rules of it that only count. What is spoken is any text, longer than 8 KiB and with markup, paths or addresses in it; it is never shown
   * as a page nor opened as a file.
   */
  readonly counted: readonly string[];
}

const GROUPS: readonly ManagedGroup[] = [
  { rule: "reputation", name: "AWSManagedRulesAmazonIpReputationList", counted: [] },
  {
    rule: "common",
    name: "AWSManagedRulesCommonRuleSet",
    counted: [
      ...["SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY", "GenericRFI_BODY"],
      "EC2MetaDataSSRF_BODY",
    ],
  },
  { rule: "bad-inputs", name: "AWSManagedRulesKnownBadInputsRuleSet", counted: [] },
];

const SQL_GROUP: ManagedGroup = { rule: "sql", name: "AWSManagedRulesSQLiRuleSet", counted: [] };

/** Headers that let a request in; the log has none of them. */
const CREDENTIALS = ["authorization", "x-slipway-signature", "cookie"] as const;

/** Rules before the load balancer: AWS's own, a rate for each address, and the paths that are not for the public. */
export function webFirewall(args: FirewallArgs): WebAcl {
  const { settings, loadBalancerArn, place } = args;
  const acl = new WebAcl(
    "edge",
    {
      scope: "REGIONAL",
      description: "Before the public edge",
      defaultAction: { allow: {} },
      rules: rules(settings),
      visibilityConfig: visibility("edge"),
      tags: tagged(place, "edge-firewall"),
    },
    options(place),
  );
  new WebAclAssociation("edge", { webAclArn: acl.arn, resourceArn: loadBalancerArn }, options(place));
  logging(args, acl);
  return acl;
}

function rules(settings: FirewallSettings): Rule[] {
  const groups = [...GROUPS, ...(settings.sqlInjection ? [SQL_GROUP] : [])];
  return [hiddenMetrics(), rate(settings), ...groups.map((group) => managed(group, settings.mode))].map(
    (rule, priority) => ({ ...rule, priority }),
  );
}

/**
 * For Prometheus inside the cluster, not for the public. Here and not in the listener, which compares what was sent: the API takes
 * `/%6Detrics` for the same path.
 */
function hiddenMetrics(): Omit<Rule, "priority"> {
  return {
    name: "metrics",
    action: { block: { customResponse: { responseCode: 404 } } },
    statement: {
      byteMatchStatement: {
        fieldToMatch: { uriPath: {} },
        positionalConstraint: "EXACTLY",
        searchString: "/metrics",
        textTransformations: [
          { priority: 0, type: "URL_DECODE" },
          { priority: 1, type: "NORMALIZE_PATH" },
        ],
      },
    },
    visibilityConfig: visibility("metrics"),
  };
}

function rate({ mode, requestsPerFiveMinutes }: FirewallSettings): Omit<Rule, "priority"> {
  return {
    name: "rate",
    action: mode === "block" ? { block: { customResponse: { responseCode: 429 } } } : { count: {} },
    statement: {
      rateBasedStatement: { limit: requestsPerFiveMinutes, aggregateKeyType: "IP", evaluationWindowSec: 300 },
    },
    visibilityConfig: visibility("rate"),
  };
}

function managed({ rule, name, counted }: ManagedGroup, mode: FirewallSettings["mode"]): Omit<Rule, "priority"> {
  return {
    name: rule,
    overrideAction: mode === "block" ? { none: {} } : { count: {} },
    statement: {
      managedRuleGroupStatement: {
        vendorName: "AWS",
        name,
        ruleActionOverrides: counted.map((one) => ({ name: one, actionToUse: { count: {} } })),
      },
    },
    visibilityConfig: visibility(rule),
  };
}

/** Samples would show whole requests, credentials included, to whoever may look at the console. */
function visibility(metricName: string) {
  return { cloudwatchMetricsEnabled: true, metricName: `slipway-${metricName}`, sampledRequestsEnabled: false };
}

/** What was blocked or counted; all the rest is in the load balancer's own log. */
function logging({ settings, logsKeyArn, place }: FirewallArgs, acl: WebAcl): void {
  const log = new LogGroup(
    "edge-firewall",
    {
      // WAF writes to no log group whose name begins otherwise.
      name: `aws-waf-logs-slipway-${stackPart(place.stack)}`,
      retentionInDays: settings.logDays,
      kmsKeyId: logsKeyArn,
      tags: tagged(place, "edge-firewall"),
    },
    stateful(place),
  );
  const keep = (action: string) => ({ actionCondition: { action } });
  new WebAclLoggingConfiguration(
    "edge",
    {
      resourceArn: acl.arn,
      logDestinationConfigs: [log.arn],
      redactedFields: CREDENTIALS.map((name) => ({ singleHeader: { name } })),
      loggingFilter: {
        defaultBehavior: "DROP",
        filters: [
          { behavior: "KEEP", requirement: "MEETS_ANY", conditions: ["BLOCK", "COUNT", "EXCLUDED_AS_COUNT"].map(keep) },
        ],
      },
    },
    options(place),
  );
}
