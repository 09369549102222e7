import { beforeAll, describe, expect, it } from "vitest";
import { arnOf, dataSettings, EDGE, inputs, KEYS, recordAws, TYPES } from "../../test/pulumi/aws-data.ts";
import { at, listAt } from "../../test/pulumi/kubernetes.ts";
import type { RecordedResource } from "../../test/pulumi/recorder.ts";
import type { AwsPlace } from "./place.ts";
import { webFirewall } from "./web-firewall.ts";

const make =
  (firewall: object = {}) =>
  (place: AwsPlace) => {
    const { edge } = dataSettings({ edge: { ...EDGE, firewall } });
    if (edge === undefined) throw new Error("the settings have no edge");
    return webFirewall({
      ...{ settings: edge.firewall, loadBalancerArn: arnOf("lb", "edge"), logsKeyArn: KEYS.logs, place },
    });
  };

let made: { resources: readonly RecordedResource[] };
beforeAll(async () => {
  made = await recordAws(make());
});

const rules = ({ resources }: typeof made) => listAt(inputs(resources, TYPES.firewall, "edge"), "rules");
const rule = (name: string, of = made) => rules(of).find((one) => at(one, "name") === name);

describe("the firewall", () => {
  it("stands before the load balancer and lets through what no rule stops", () => {
    expect(inputs(made.resources, TYPES.firewall, "edge")).toMatchObject({
      ...{ scope: "REGIONAL", defaultAction: { allow: {} } },
    });
    expect(inputs(made.resources, TYPES.firewallAssociation, "edge")).toEqual({
      ...{ webAclArn: arnOf("wafv2", "edge"), resourceArn: arnOf("lb", "edge") },
    });
  });

  it("has AWS's own rules, in order, and those that would find markup in texts only count", () => {
    expect(rules(made).map((one) => [at(one, "priority"), at(one, "name")])).toEqual([
      ...[[0, "metrics"] as const, [1, "rate"] as const, [2, "reputation"] as const],
      ...[[3, "common"] as const, [4, "bad-inputs"] as const],
    ]);
    const groups = ["reputation", "common", "bad-inputs"].map((name) => {
      const group = at(rule(name), "statement", "managedRuleGroupStatement");
      expect(at(rule(name), "overrideAction")).toEqual({ none: {} });
      const counted = listAt(group, "ruleActionOverrides").map((one) => {
        expect(at(one, "actionToUse")).toEqual({ count: {} });
        return at(one, "name");
      });
      return [at(group, "vendorName"), at(group, "name"), counted];
    });
    expect(groups).toEqual([
      ["AWS", "AWSManagedRulesAmazonIpReputationList", []],
      [
        ...["AWS", "AWSManagedRulesCommonRuleSet"],
        [
          ...["SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY", "GenericRFI_BODY"],
          "EC2MetaDataSSRF_BODY",
        ],
      ],
      ["AWS", "AWSManagedRulesKnownBadInputsRuleSet", []],
    ]);
  });

  it("looks for SQL only where the stack's file says so", async () => {
    const sql = await recordAws(make({ sqlInjection: true }));
    expect(rule("sql")).toBeUndefined();
    expect(at(rule("sql", sql), "statement", "managedRuleGroupStatement", "name")).toBe("AWSManagedRulesSQLiRuleSet");
  });

  it("has a rate for each address", async () => {
    const slow = await recordAws(make({ requestsPerFiveMinutes: 500 }));
    expect(at(rule("rate"), "statement", "rateBasedStatement")).toEqual({
      ...{ limit: 300_000, aggregateKeyType: "IP", evaluationWindowSec: 300 },
    });
    expect(at(rule("rate"), "action")).toEqual({ block: { customResponse: { responseCode: 429 } } });
    expect(at(rule("rate", slow), "statement", "rateBasedStatement", "limit")).toBe(500);
  });

  it("hides the metrics, however their path is written, also where it only counts", async () => {
    const counting = await recordAws(make({ mode: "count" }));
    for (const of of [made, counting]) {
      expect(at(rule("metrics", of), "action")).toEqual({ block: { customResponse: { responseCode: 404 } } });
      expect(at(rule("metrics", of), "statement", "byteMatchStatement")).toEqual({
        fieldToMatch: { uriPath: {} },
        ...{ positionalConstraint: "EXACTLY", searchString: "/metrics" },
        textTransformations: [
          { priority: 0, type: "URL_DECODE" },
          { priority: 1, type: "NORMALIZE_PATH" },
        ],
      });
    }
  });

  it("blocks nothing else where it only counts", async () => {
    const counting = await recordAws(make({ mode: "count" }));
    for (const one of rules(counting).slice(1))
      expect(at(one, "overrideAction") ?? at(one, "action")).toEqual({ count: {} });
  });

  it("keeps no samples: they would show credentials", () => {
    for (const of of [inputs(made.resources, TYPES.firewall, "edge"), ...rules(made)])
      expect(at(of, "visibilityConfig")).toMatchObject({
        sampledRequestsEnabled: false,
        cloudwatchMetricsEnabled: true,
      });
  });

  it("notes what it blocked or counted, without credentials, in an encrypted log", () => {
    expect(inputs(made.resources, TYPES.logGroup, "edge-firewall")).toMatchObject({
      ...{ name: "aws-waf-logs-slipway-unit", kmsKeyId: KEYS.logs, retentionInDays: 90 },
    });
    const logging = inputs(made.resources, TYPES.firewallLogging, "edge");
    expect(logging).toMatchObject({
      ...{ resourceArn: arnOf("wafv2", "edge"), logDestinationConfigs: [arnOf("logs", "edge-firewall")] },
      redactedFields: ["authorization", "x-slipway-signature", "cookie"].map((name) => ({ singleHeader: { name } })),
    });
    const kept = listAt(logging, "loggingFilter", "filters", 0, "conditions");
    expect(at(logging, "loggingFilter", "defaultBehavior")).toBe("DROP");
    expect(kept.map((one) => at(one, "actionCondition", "action"))).toEqual(["BLOCK", "COUNT", "EXCLUDED_AS_COUNT"]);
  });
});
