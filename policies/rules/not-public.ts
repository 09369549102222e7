import { absent, at, beside, both, each, empty, input, is, listAt, oneOf } from "../checks.ts";
import type { Checked, Rule } from "../rule.ts";
import { AWS, BUCKET, DOCKER } from "../types.ts";
import { UNKNOWN } from "../unknown.ts";

/** Of the load balancer: everything else that everybody may come in by is a fault. */
const OPEN_PORTS: readonly unknown[] = [80, 443, UNKNOWN];

const isOpen = (cidr: unknown) => typeof cidr === "string" && cidr.endsWith("/0");

const isWayIn = (rule: unknown) =>
  OPEN_PORTS.includes(at(rule, "fromPort")) && [at(rule, "fromPort"), UNKNOWN].includes(at(rule, "toPort"));

/** A rule of a security group that stands in the group itself. */
const inlineIsClosed = (rule: unknown) =>
  ![...listAt(rule, "cidrBlocks"), ...listAt(rule, "ipv6CidrBlocks")].some(isOpen) || isWayIn(rule);

const isEdge = (resource: Checked) =>
  listAt(resource.inputs, "labels").some(
    (one) => at(one, "label") === "slipway.service" && at(one, "value") === "edge",
  );

const BLOCKS = ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"] as const;

export const notPublic: Rule = {
  name: "not-public",
  description: "Nobody reaches data, nodes or services from outside but by the edge.",
  mend: "Close it, or name the networks and services that may come in.",
  checks: {
    [AWS.database]: { "is not public": is("publiclyAccessible", false) },
    [AWS.cluster]: {
      "answers in the network": is("vpcConfig.endpointPrivateAccess", true),
      "answers on the internet to named networks alone": (resource, all) =>
        input(resource, "vpcConfig.endpointPublicAccess") === false ||
        each("vpcConfig.publicAccessCidrs", /\/(1[6-9]|2\d|3[0-2])$/)(resource, all),
    },
    [AWS.launchTemplate]: {
      "gives no public address": absent("networkInterfaces"),
      "lets nobody log in": absent("keyName"),
    },
    "aws:eks/nodeGroup:NodeGroup": { "lets nobody log in": absent("remoteAccess") },
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {
      "lets nothing in": empty("ingress"),
      "lets nothing out": empty("egress"),
    },
    "aws:ec2/subnet:Subnet": { "gives no public addresses": is("mapPublicIpOnLaunch", false) },
    "aws:ec2/securityGroup:SecurityGroup": {
      "opens to everybody nothing but 80 and 443": ({ inputs }) => listAt(inputs, "ingress").every(inlineIsClosed),
    },
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
      "opens to everybody nothing but 80 and 443": (resource) =>
        ![input(resource, "cidrIpv4"), input(resource, "cidrIpv6")].some(isOpen) || isWayIn(resource.inputs),
    },
    [BUCKET.itself]: { "keeps no list of access": absent("acl") },
    [BUCKET.access]: { "is not public": both(...BLOCKS.map((key) => is(key, true))) },
    [BUCKET.ownership]: { "has no lists of access": is("rule.objectOwnership", "BucketOwnerEnforced") },
    "kubernetes:core/v1:Service": {
      "answers in the cluster alone": both(
        oneOf("spec.type", "ClusterIP", "ExternalName", undefined),
        absent("spec.externalIPs"),
      ),
    },
    [DOCKER.container]: {
      "publishes no port, but for the edge": (resource) =>
        isEdge(resource) || listAt(resource.inputs, "ports").length === 0,
      "is not in the engine's own network": oneOf("networkMode", undefined, "none", "bridge"),
    },
  },
  beside: {
    [BUCKET.itself]: {
      "is not public": beside(BUCKET.access, "bucket"),
      "has no lists of access": beside(BUCKET.ownership, "bucket"),
    },
  },
};
