import { beforeAll, describe, expect, it } from "vitest";
import type { EdgeSettings } from "../../configs/aws-data-settings.ts";
import { arnOf, dataSettings, EDGE, inputs, KEYS, names, one, recordAws, TYPES } from "../../test/pulumi/aws-data.ts";
import { known, type RecordedResource } from "../../test/pulumi/recorder.ts";
import { planDrain, SERVER_KEEP_ALIVE_SECONDS } from "../plan/drain.ts";
import type { EdgeArgs } from "./edge-args.ts";
import { edge } from "./edge.ts";
import type { AwsPlace } from "./place.ts";

function settingsOf(more: object): EdgeSettings {
  const { edge: settings } = dataSettings({ edge: { ...EDGE, ...more } });
  if (settings === undefined) throw new Error("the settings have no edge");
  return settings;
}

const { loadBalancer: drain } = planDrain({
  ...{ name: "api", time: { drainSeconds: 25 }, traffic: "load-balancer", capacity: "on-demand" },
});

const make =
  (settings: object = {}, more: Partial<EdgeArgs> = {}) =>
  (place: AwsPlace) => {
    if (drain === undefined) throw new Error("the plan has no load balancer");
    return edge({
      settings: settingsOf(settings),
      vpcId: "vpc-1",
      subnetIds: ["subnet-a", "subnet-b", "subnet-c"],
      nodePort: 30_080,
      autoscalingGroups: { system: "asg-system", cpu: "asg-cpu" },
      nodesGroupId: "sg-nodes",
      drain,
      needs: [],
      alarms: { topics: [] },
      logsKeyArn: KEYS.logs,
      place,
      ...more,
    });
  };

let made: { result: ReturnType<typeof edge>; resources: readonly RecordedResource[] };
beforeAll(async () => {
  made = await recordAws(make());
});

const balancer = () => inputs(made.resources, TYPES.loadBalancer, "edge");

describe("the load balancer", () => {
  it("faces the public in every zone, refuses odd headers, and lets nothing past a firewall that is silent", () => {
    expect(balancer()).toMatchObject({
      ...{ loadBalancerType: "application", internal: false, subnets: ["subnet-a", "subnet-b", "subnet-c"] },
      ...{ dropInvalidHeaderFields: true, desyncMitigationMode: "defensive", enableWafFailOpen: false },
      securityGroups: ["edge-id"],
    });
  });

  it("gives an idle connection up before the API does", () => {
    expect(balancer()["idleTimeout"]).toBe(60);
    expect(Number(balancer()["idleTimeout"])).toBeLessThan(SERVER_KEEP_ALIVE_SECONDS);
  });

  it("is protected where the stack keeps its data, and not where it is torn down", async () => {
    const gone = await recordAws(make(), { keep: false });
    for (const [resources, isKept] of [
      [made.resources, true],
      [gone.resources, false],
    ] as const) {
      const { isProtected, inputs: given } = one(resources, TYPES.loadBalancer, "edge");
      expect([isProtected, given["enableDeletionProtection"]]).toEqual([isKept, isKept]);
    }
  });

  it("notes its requests where the stack's file names a bucket", async () => {
    expect(balancer()).not.toHaveProperty("accessLogs");
    const logged = await recordAws(make({ accessLogs: { bucket: "our-logs", prefix: "edge" } }));
    expect(inputs(logged.resources, TYPES.loadBalancer, "edge")["accessLogs"]).toEqual({
      ...{ enabled: true, bucket: "our-logs", prefix: "edge" },
    });
  });
});

describe("who reaches whom", () => {
  const rule = (type: string, name: string, of = made) => {
    const { securityGroupId, cidrIpv4, referencedSecurityGroupId, ipProtocol, fromPort, toPort } = inputs(
      ...([of.resources, type, name] as const),
    );
    return [securityGroupId, cidrIpv4 ?? referencedSecurityGroupId, ipProtocol, fromPort, toPort];
  };

  it("is the public the two ports of the load balancer, it the nodes' port, and nobody else", () => {
    expect(names(made.resources, TYPES.ingress)).toEqual([
      ...["edge-http-0.0.0.0-0", "edge-https-0.0.0.0-0", "nodes-from-edge"],
    ]);
    expect(rule(TYPES.ingress, "edge-http-0.0.0.0-0")).toEqual(["edge-id", "0.0.0.0/0", "tcp", 80, 80]);
    expect(rule(TYPES.ingress, "edge-https-0.0.0.0-0")).toEqual(["edge-id", "0.0.0.0/0", "tcp", 443, 443]);
    expect(names(made.resources, TYPES.egress)).toEqual(["edge-to-nodes"]);
    expect(rule(TYPES.egress, "edge-to-nodes")).toEqual(["edge-id", "sg-nodes", "tcp", 30_080, 30_080]);
    expect(rule(TYPES.ingress, "nodes-from-edge")).toEqual(["sg-nodes", "edge-id", "tcp", 30_080, 30_080]);
    for (const key of ["ingress", "egress"])
      expect(inputs(made.resources, TYPES.securityGroup, "edge")).not.toHaveProperty(key);
  });

  it("is only the networks of the stack's file where it names some", async () => {
    const inner = await recordAws(make({ cidrs: ["203.0.113.0/24", "198.51.100.7/32"] }));
    expect(names(inner.resources, TYPES.ingress)).toEqual([
      ...["edge-http-198.51.100.7-32", "edge-http-203.0.113.0-24"],
      ...["edge-https-198.51.100.7-32", "edge-https-203.0.113.0-24", "nodes-from-edge"],
    ]);
    expect(rule(TYPES.ingress, "edge-https-198.51.100.7-32", inner)[1]).toBe("198.51.100.7/32");
  });
});

describe("its listeners", () => {
  it("speak TLS with a policy that has TLS 1.3, and send who comes in clear there", () => {
    expect(names(made.resources, TYPES.listener)).toEqual(["edge-http", "edge-https"]);
    expect(inputs(made.resources, TYPES.listener, "edge-https")).toMatchObject({
      ...{ port: 443, protocol: "HTTPS", sslPolicy: "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" },
      ...{ certificateArn: arnOf("acm", "edge"), loadBalancerArn: arnOf("lb", "edge") },
      defaultActions: [{ type: "forward", targetGroupArn: arnOf("lb", "edge") }],
      routingHttpResponseServerEnabled: false,
      routingHttpResponseStrictTransportSecurityHeaderValue: "max-age=31536000",
    });
    expect(inputs(made.resources, TYPES.listener, "edge-http")).toMatchObject({
      ...{ port: 80, protocol: "HTTP" },
      defaultActions: [{ type: "redirect", redirect: { protocol: "HTTPS", port: "443", statusCode: "HTTP_301" } }],
    });
  });

  it("show a certificate that is proved by a record in the zone, and wait for it", () => {
    expect(inputs(made.resources, TYPES.certificate, "edge")).toMatchObject({
      ...{ domainName: "api.example.org", validationMethod: "DNS" },
    });
    expect(inputs(made.resources, TYPES.dns, "certificate")).toEqual({
      ...{ zoneId: EDGE.zoneId, name: "_1.example.org.", type: "CNAME", records: ["_2.acm.example."], ttl: 300 },
    });
    expect(inputs(made.resources, TYPES.issued, "edge")).toEqual({
      ...{ certificateArn: arnOf("acm", "edge"), validationRecordFqdns: ["certificate.example.org"] },
    });
    const { dependencies } = one(made.resources, TYPES.listener, "edge-https");
    expect(dependencies.some((urn) => urn.endsWith("CertificateValidation::edge"))).toBe(true);
  });
});

describe("its targets", () => {
  const targets = () => inputs(made.resources, TYPES.targetGroup, "edge");

  it("are the nodes of the given pools, those that come later included", () => {
    expect(targets()).toMatchObject({ targetType: "instance", port: 30_080, protocol: "HTTP", vpcId: "vpc-1" });
    for (const pool of ["system", "cpu"])
      expect(inputs(made.resources, TYPES.targets, `edge-${pool}`)).toEqual({
        ...{ autoscalingGroupName: `asg-${pool}`, lbTargetGroupArn: arnOf("lb", "edge") },
      });
    expect(names(made.resources, TYPES.targets)).toEqual(["edge-cpu", "edge-system"]);
  });

  it("are asked whether the API is ready, and have the time of the drain plan to end", () => {
    expect(targets()["healthCheck"]).toEqual({
      ...{ enabled: true, protocol: "HTTP", port: "traffic-port", path: "/health/ready", matcher: "200" },
      ...{ interval: 10, timeout: 5, healthyThreshold: 2, unhealthyThreshold: 2 },
    });
    expect(targets()["deregistrationDelay"]).toBe(40);
  });

  it.each([
    ["a port that is no node's", { nodePort: 8000 }, /nodePort is 8000, must be a whole number of 30000\.\.32767/],
    ["no pool", { autoscalingGroups: {} }, /autoscalingGroups is empty, must name at least one pool/],
  ])("are refused before anything is made where there is %s", async (_what, more, message) => {
    await expect(recordAws(make({}, more))).rejects.toThrow(message);
  });
});

describe("the public name", () => {
  it("leads to the load balancer once that answers", async () => {
    expect(inputs(made.resources, TYPES.dns, "edge")).toEqual({
      ...{ zoneId: EDGE.zoneId, name: "api.example.org", type: "A" },
      aliases: [{ name: "edge.lb.example", zoneId: "ZLB", evaluateTargetHealth: true }],
    });
    const { dependencies } = one(made.resources, TYPES.dns, "edge");
    expect(dependencies.some((urn) => urn.endsWith("Listener::edge-https"))).toBe(true);
    expect(await known(made.result.url)).toBe("https://api.example.org");
  });
});
