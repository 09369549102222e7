import { Attachment } from "@pulumi/aws/autoscaling/attachment.js";
import { Listener } from "@pulumi/aws/lb/listener.js";
import { LoadBalancer } from "@pulumi/aws/lb/loadBalancer.js";
import { TargetGroup } from "@pulumi/aws/lb/targetGroup.js";
import { Record as DnsRecord } from "@pulumi/aws/route53/record.js";
import type { Output, Resource } from "@pulumi/pulumi";
import { edgeAlarms } from "./alarms.ts";
import { certificate } from "./certificate.ts";
import { edgeGroup } from "./edge-access.ts";
import type { EdgeArgs } from "./edge-args.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import { webFirewall } from "./web-firewall.ts";

export interface Edge {
  /** Where the public reaches the API, without a slash at the end. */
  readonly url: Output<string>;
  readonly loadBalancerArn: Output<string>;
  readonly targetGroupArn: Output<string>;
  readonly securityGroupId: Output<string>;
  /** The last part of it: from then on the public's requests arrive. */
  readonly ready: Resource;
}

/** TLS 1.2 with forward secrecy and authenticated ciphers, and TLS 1.3. */
const TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";

/** Seconds that browsers speak TLS alone to this name: a year. */
const HSTS = "max-age=31536000";

/** Ports of Services that Kubernetes gives to nodes. */
const NODE_PORTS = { least: 30_000, most: 32_767 } as const;

/**
 * Load balancer, certificate, firewall and name of the API. All of it are resources of the stack: docs/adr/0007-load-balancer.md.
 *
 * @throws Error where the port is none of a node, or no group of nodes is given
 */
export function edge(args: EdgeArgs): Edge {
  checkTargets(args);
  const { settings, alarms, logsKeyArn, place } = args;
  const { host, zoneId, firewall } = settings;
  const securityGroupId = edgeGroup(args);
  const balancer = loadBalancer(args, securityGroupId);
  const targets = targetGroup(args);
  const certificateArn = certificate({ host, zoneId, place });
  const listener = listeners({ balancer, targets, certificateArn, place });
  webFirewall({ settings: firewall, loadBalancerArn: balancer.arn, logsKeyArn, place });
  edgeAlarms({
    ...{ settings: alarms, loadBalancer: balancer.arnSuffix, targetGroup: targets.arnSuffix, certificateArn, place },
  });
  const ready = new DnsRecord(
    "edge",
    {
      zoneId,
      name: host,
      // The network has no IPv6, so there is no AAAA.
      type: "A",
      aliases: [{ name: balancer.dnsName, zoneId: balancer.zoneId, evaluateTargetHealth: true }],
    },
    options(place, { dependsOn: [listener] }),
  );
  return {
    url: ready.id.apply(() => `https://${host}`),
    ...{ loadBalancerArn: balancer.arn, targetGroupArn: targets.arn, securityGroupId, ready },
  };
}

function checkTargets({ nodePort, autoscalingGroups }: EdgeArgs): void {
  const { least, most } = NODE_PORTS;
  if (!Number.isInteger(nodePort) || nodePort < least || nodePort > most)
    throw new Error(`edge: nodePort is ${nodePort}, must be a whole number of ${least}..${most}.`);
  if (Object.keys(autoscalingGroups).length === 0)
    throw new Error("edge: autoscalingGroups is empty, must name at least one pool; no request would reach the API.");
}

function loadBalancer({ settings, subnetIds, drain, needs, place }: EdgeArgs, group: Output<string>): LoadBalancer {
  const { accessLogs } = settings;
  return new LoadBalancer(
    "edge",
    {
      loadBalancerType: "application",
      internal: false,
      ipAddressType: "ipv4",
      securityGroups: [group],
      subnets: [...subnetIds],
      // Less than the API keeps idle connections open: whoever closes first must be the one that sends.
      idleTimeout: drain.idleTimeoutSeconds,
      enableHttp2: true,
      dropInvalidHeaderFields: true,
      desyncMitigationMode: "defensive",
      // Where the firewall does not answer nothing comes in, the paths that it hides included.
      enableWafFailOpen: false,
      enableDeletionProtection: place.keep,
      ...(accessLogs === undefined
        ? {}
        : { accessLogs: { enabled: true, bucket: accessLogs.bucket, prefix: accessLogs.prefix ?? place.stack } }),
      tags: tagged(place, "edge"),
    },
    options(place, { protect: place.keep, dependsOn: [...needs] }),
  );
}

function targetGroup({ vpcId, nodePort, autoscalingGroups, drain, place }: EdgeArgs): TargetGroup {
  const targets = new TargetGroup(
    "edge",
    {
      vpcId,
      targetType: "instance",
      port: nodePort,
      protocol: "HTTP",
      protocolVersion: "HTTP1",
      deregistrationDelay: drain.deregistrationDelaySeconds,
      // Event streams stay open for long: in turn they would gather on some nodes.
      loadBalancingAlgorithmType: "least_outstanding_requests",
      healthCheck: {
        ...{ enabled: true, protocol: "HTTP", port: "traffic-port", path: "/health/ready", matcher: "200" },
        ...{ interval: 10, timeout: 5, healthyThreshold: 2, unhealthyThreshold: 2 },
      },
      tags: tagged(place, "edge"),
    },
    options(place),
  );
  for (const [pool, autoscalingGroupName] of Object.entries(autoscalingGroups))
    new Attachment(`edge-${pool}`, { autoscalingGroupName, lbTargetGroupArn: targets.arn }, options(place));
  return targets;
}

interface ListenersArgs {
  readonly balancer: LoadBalancer;
  readonly targets: TargetGroup;
  readonly certificateArn: Output<string>;
  readonly place: AwsPlace;
}

/** TLS alone; who comes in clear is sent there. */
function listeners({ balancer, targets, certificateArn, place }: ListenersArgs): Listener {
  new Listener(
    "edge-http",
    {
      loadBalancerArn: balancer.arn,
      port: 80,
      protocol: "HTTP",
      defaultActions: [{ type: "redirect", redirect: { protocol: "HTTPS", port: "443", statusCode: "HTTP_301" } }],
      tags: tagged(place, "edge-http"),
    },
    options(place),
  );
  return new Listener(
    "edge-https",
    {
      loadBalancerArn: balancer.arn,
      port: 443,
      protocol: "HTTPS",
      sslPolicy: TLS_POLICY,
      certificateArn,
      defaultActions: [{ type: "forward", targetGroupArn: targets.arn }],
      routingHttpResponseServerEnabled: false,
      routingHttpResponseStrictTransportSecurityHeaderValue: HSTS,
      tags: tagged(place, "edge-https"),
    },
    options(place),
  );
}
