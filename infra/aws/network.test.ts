import { beforeAll, describe, expect, it } from "vitest";
import {
  ACCOUNT,
  arnOf,
  awsSettings,
  inputs,
  LEAST,
  names,
  ofType,
  one,
  recordFoundation,
  TYPES,
} from "../../test/pulumi/aws.ts";
import { known, type RecordedResource } from "../../test/pulumi/recorder.ts";
import type { Foundation } from "./foundation.ts";
import { inZone } from "./network.ts";

const ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"];

let made: { result: Foundation; resources: readonly RecordedResource[] };
beforeAll(async () => {
  made = await recordFoundation();
});

/** Routes of the table that a subnet stands in. */
function routesOf(resources: readonly RecordedResource[], subnet: string) {
  const tables = ofType(resources, TYPES.association)
    .filter((one) => one.inputs["subnetId"] === `${subnet}-id`)
    .map((one) => one.inputs["routeTableId"]);
  expect(tables, `${subnet} stands in one table`).toHaveLength(1);
  return ofType(resources, TYPES.route)
    .filter((route) => route.inputs["routeTableId"] === tables[0])
    .map(({ inputs: sent }) => Object.fromEntries(Object.entries(sent).filter(([key]) => key !== "routeTableId")));
}

describe("the network", () => {
  it("knows names, and is not replaced", () => {
    expect(inputs(made.resources, TYPES.vpc, "network")).toMatchObject({
      cidrBlock: "10.20.0.0/16",
      ...{ enableDnsSupport: true, enableDnsHostnames: true },
    });
    expect(one(made.resources, TYPES.vpc, "network").deleteBeforeReplace).toBe(false);
  });

  it("takes every rule from the group that whatever names none gets", () => {
    expect(ofType(made.resources, TYPES.defaultGroup)).toHaveLength(1);
    const group = inputs(made.resources, TYPES.defaultGroup, "network-default");
    expect(group).toMatchObject({ vpcId: "network-id", ingress: [], egress: [] });
  });

  it("has a subnet of each tier in each zone, none of which gives public addresses away", () => {
    expect(names(made.resources, TYPES.subnet)).toEqual(
      ["data", "private", "public"].flatMap((tier) => ZONES.map((zone) => `${tier}-${zone}`)),
    );
    for (const { inputs: subnet } of ofType(made.resources, TYPES.subnet))
      expect(subnet).toMatchObject({ vpcId: "network-id", mapPublicIpOnLaunch: false });
    expect(inputs(made.resources, TYPES.subnet, "private-eu-central-1b")).toMatchObject({
      availabilityZone: "eu-central-1b",
      cidrBlock: "10.20.64.0/19",
      tags: { "kubernetes.io/role/internal-elb": "1" },
    });
    expect(inputs(made.resources, TYPES.subnet, "public-eu-central-1a")["tags"]).toMatchObject({
      "kubernetes.io/role/elb": "1",
    });
  });

  it("gives data no way out, and the others theirs", () => {
    for (const zone of ZONES) {
      expect(routesOf(made.resources, `data-${zone}`)).toEqual([]);
      expect(routesOf(made.resources, `public-${zone}`)).toEqual([
        { destinationCidrBlock: "0.0.0.0/0", gatewayId: "internet-id" },
      ]);
      expect(routesOf(made.resources, `private-${zone}`)).toEqual([
        { destinationCidrBlock: "0.0.0.0/0", natGatewayId: "nat-eu-central-1a-id" },
      ]);
    }
  });

  it("has a NAT of its own in each zone where the stack says so", async () => {
    const { resources } = await recordFoundation({ settings: awsSettings({ overrides: { natGateways: "per-zone" } }) });
    for (const zone of ZONES) {
      expect(routesOf(resources, `private-${zone}`)).toEqual([
        { destinationCidrBlock: "0.0.0.0/0", natGatewayId: `nat-${zone}-id` },
      ]);
      expect(inputs(resources, TYPES.nat, `nat-${zone}`)).toMatchObject({
        ...{ subnetId: `public-${zone}-id`, allocationId: `nat-${zone}-allocation`, connectivityType: "public" },
      });
    }
  });

  it("tells its addresses, which stay the stack's", async () => {
    const [address] = made.result.network.egressAddresses;
    if (address === undefined) throw new Error("the network has no address");
    expect(await known(address)).toBe("address-of-nat-eu-central-1a");
    expect(one(made.resources, TYPES.address, "nat-eu-central-1a").isProtected).toBe(true);
  });

  it("says which zones there are where one is asked for that it has not", () => {
    const refused = () => inZone(made.result.network.data, "eu-central-1f");
    expect(refused).toThrow(/no subnet stands in eu-central-1f, must be one of eu-central-1a, eu-central-1b/);
  });
});

describe("ways to the services of AWS", () => {
  it("lead to S3 from every private subnet", () => {
    expect(inputs(made.resources, TYPES.endpoint, "endpoint-s3")).toMatchObject({
      ...{ vpcEndpointType: "Gateway", serviceName: "com.amazonaws.eu-central-1.s3" },
      routeTableIds: ZONES.map((zone) => `private-${zone}-id`),
    });
  });

  it("lead to what nodes need to start and pods to have roles, under the usual names", () => {
    const services = ["ec2", "ecr-api", "ecr-dkr", "eks-auth", "logs", "s3", "secretsmanager", "sts"];
    expect(names(made.resources, TYPES.endpoint)).toEqual(services.map((service) => `endpoint-${service}`));
    for (const service of services.filter((name) => name !== "s3"))
      expect(inputs(made.resources, TYPES.endpoint, `endpoint-${service}`)).toMatchObject({
        ...{ vpcEndpointType: "Interface", privateDnsEnabled: true, securityGroupIds: ["endpoints-id"] },
        serviceName: `com.amazonaws.eu-central-1.${service.replace("ecr-", "ecr.")}`,
        subnetIds: ZONES.map((zone) => `private-${zone}-id`),
      });
  });

  it("take TLS from the network alone", () => {
    const rules = ofType(made.resources, TYPES.ingress).filter(
      (rule) => rule.inputs["securityGroupId"] === "endpoints-id",
    );
    expect(rules.map((rule) => rule.inputs)).toEqual([
      expect.objectContaining({ cidrIpv4: "10.20.0.0/16", ipProtocol: "tcp", fromPort: 443, toPort: 443 }),
    ]);
  });

  it("are as many as the stack's file names, and with none there is no group", async () => {
    const network = { ...LEAST.network, endpoints: [] };
    const { resources } = await recordFoundation({ settings: awsSettings({ network }) });
    expect(names(resources, TYPES.endpoint)).toEqual(["endpoint-s3"]);
    expect(names(resources, TYPES.securityGroup)).toEqual([]);
  });
});

describe("the network's log", () => {
  it("has every connection, encrypted, for as long as the stack's file says", () => {
    expect(inputs(made.resources, TYPES.flowLog, "flow-logs")).toMatchObject({
      ...{ vpcId: "network-id", trafficType: "ALL", logDestinationType: "cloud-watch-logs" },
      ...{ logDestination: arnOf("logs", "flow-logs"), iamRoleArn: arnOf("iam", "flow-logs") },
    });
    expect(inputs(made.resources, TYPES.logGroup, "flow-logs")).toMatchObject({
      ...{ kmsKeyId: arnOf("kms", "key-logs"), retentionInDays: 90 },
    });
  });

  it("is written by a role that the service takes for this account's logs alone", () => {
    const trust = JSON.parse(String(inputs(made.resources, TYPES.role, "flow-logs")["assumeRolePolicy"])) as object;
    expect(trust).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "vpc-flow-logs.amazonaws.com" },
          Action: ["sts:AssumeRole"],
          Condition: {
            StringEquals: { "aws:SourceAccount": ACCOUNT.account },
            ArnLike: { "aws:SourceArn": "arn:aws:ec2:eu-central-1:123456789012:vpc-flow-log/*" },
          },
        },
      ],
    });
  });
});
