import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findLeftovers, leftOnAws, type Leftovers } from "./aws-leftovers.ts";
import { leftBehindText } from "./left-behind.ts";
import { unmanagedOnAws } from "./unmanaged-on-aws.ts";

/** What the simulated tagging API has: ARNs by `region key=value`, and how many it gives at a time. */
const PAGE = 2;
let listed: Record<string, string[]>;
/** Keys of tags beside the one that is asked for, by ARN. */
let tags: Record<string, string[]>;
let status: number;
let server: Server;
let what: Leftovers;

interface Asked {
  readonly TagFilters: readonly { readonly Key: string; readonly Values: readonly string[] }[];
  readonly PaginationToken?: string;
}

beforeEach(async () => {
  listed = {};
  tags = {};
  status = 200;
  server = createServer((request, response) => {
    const region = /\/\d{8}\/([\w-]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "";
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const { TagFilters, PaginationToken = "0" } = JSON.parse(text) as Asked;
      const key = `${region} ${TagFilters.map(({ Key, Values }) => `${Key}=${Values.join()}`).join("&")}`;
      const from = Number(PaginationToken);
      const arns = listed[key] ?? [];
      const next = from + PAGE < arns.length ? String(from + PAGE) : "";
      const page = arns.slice(from, from + PAGE).map((ResourceARN) => ({
        ResourceARN,
        Tags: (tags[ResourceARN] ?? []).map((Key) => ({ Key, Value: "" })),
      }));
      response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
      const denied = { __type: "AccessDeniedException", message: "not allowed to tag:GetResources" };
      response.end(JSON.stringify(status === 200 ? { PaginationToken: next, ResourceTagMappingList: page } : denied));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  what = { stack: "prod", regions: ["eu-central-1"], client: { endpoint, credentials, maxAttempts: 1 } };
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const volume = (n: number) => `arn:aws:ec2:eu-central-1:123456789012:volume/vol-${n}`;
const OWN = "slipway:stack=prod";

describe("what a destroyed stack left on AWS, by a simulated tagging API", () => {
  it("is found over all pages and regions, each once, and nothing of other stacks", async () => {
    const replica = "arn:aws:s3:::replica";
    listed = {
      [`eu-central-1 ${OWN}`]: [1, 2, 3, 4, 5].map(volume),
      [`eu-west-1 ${OWN}`]: [replica],
      "eu-central-1 slipway:stack=other": [volume(9)],
    };
    const found = await findLeftovers({ ...what, regions: ["eu-central-1", "eu-west-1"] });
    expect(found.map(({ arn }) => arn)).toEqual([...[1, 2, 3, 4, 5].map(volume), replica]);
  });

  it("has what controllers of its cluster made", async () => {
    const balancer = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/k8s/1";
    const network = "arn:aws:ec2:eu-central-1:123456789012:network-interface/eni-1";
    listed = {
      [`eu-central-1 ${OWN}`]: [volume(1)],
      "eu-central-1 kubernetes.io/cluster/c1=owned": [balancer, volume(1)],
      "eu-central-1 cluster.k8s.amazonaws.com/name=c1": [network],
      "eu-central-1 kubernetes.io/cluster/c2=owned": [volume(2)],
    };
    const found = await findLeftovers({ ...what, cluster: "c1" });
    expect(found.map(({ arn }) => arn).sort()).toEqual([balancer, network, volume(1)].sort());
  });

  it.each([
    ["arn:aws:rds:eu-central-1:123456789012:snapshot:last", /snapshot/],
    ["arn:aws:elasticache:eu-central-1:123456789012:snapshot:last", /snapshot/],
    ["arn:aws:kms:eu-central-1:123456789012:key/1", /key/],
    ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:a", /secret/],
    ["arn:aws:rds:eu-central-1:123456789012:db:live", undefined],
    ["arn:aws:ec2:eu-central-1:123456789012:snapshot/snap-1", undefined],
  ])("knows whether %s is meant to stay: %s", async (arn, why) => {
    listed = { [`eu-central-1 ${OWN}`]: [arn] };
    const [found] = await findLeftovers(what);
    if (why === undefined) expect(found?.kept).toBeUndefined();
    else expect(found?.kept).toMatch(why);
  });
});

describe("the report", () => {
  it("tells orphans from what is kept, and how to remove each", async () => {
    const snapshot = "arn:aws:rds:eu-central-1:123456789012:snapshot:last";
    listed = { [`eu-central-1 ${OWN}`]: [snapshot] };
    expect(await leftOnAws(what)).toEqual({
      objects: [
        {
          ...{ kind: "rds", name: snapshot, kept: "last snapshot, to restore from" },
          remove: "aws rds delete-db-snapshot --db-snapshot-identifier last --region eu-central-1",
        },
      ],
      unseen: [],
    });
    const group = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/eks/c1/cluster";
    const rule = "arn:aws:events:eu-central-1:123456789012:rule/nightly";
    listed = { [`eu-central-1 ${OWN}`]: [snapshot, volume(1), group, rule, "arn:aws:s3:::artifacts"] };
    const { objects, unseen } = await leftOnAws(what);
    expect(objects.filter(({ kept }) => kept === undefined).map(({ remove }) => remove)).toEqual([
      "aws ec2 delete-volume --volume-id vol-1 --region eu-central-1",
      "by hand: events in eu-central-1",
      "aws logs delete-log-group --log-group-name /aws/eks/c1/cluster --region eu-central-1",
      "aws s3 rb --force s3://artifacts",
    ]);
    expect(unseen[0]).toContain("gone since minutes");
    const text = leftBehindText("prod", { objects, unseen });
    expect(text).toContain("nobody's any more (4):");
    expect(text).toContain(`Kept (1):\n  rds ${snapshot}: last snapshot`);
  });

  it("says that it could not look, and why, and how to", async () => {
    status = 403;
    const { objects, unseen } = await leftOnAws(what);
    expect(objects).toEqual([]);
    expect(unseen[0]).toContain("not allowed to tag:GetResources");
    expect(unseen[0]).toContain("Key=slipway:stack,Values=prod");
    expect(leftBehindText("prod", { objects, unseen })).toMatch(
      /^Nothing of prod is left, as far as could be seen\.\nNot looked at: /,
    );
  });
});

describe("what nobody deployed beside a stack that is up", () => {
  const resource = (id: string, outputs?: Record<string, unknown>) => ({ urn: id, type: "aws:x", id, outputs });

  it("is what bears its tag and is not in its state, and what no service of AWS has made", async () => {
    const [database, byHand] = ["live", "by-hand"].map((id) => `arn:aws:rds:eu-central-1:123456789012:db:${id}`);
    const subnet = "arn:aws:ec2:eu-central-1:123456789012:subnet/subnet-1";
    const group = "arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:x:autoScalingGroupName/y";
    const snapshot = "arn:aws:rds:eu-central-1:123456789012:snapshot:rds:live-1";
    listed = { [`eu-central-1 ${OWN}`]: [database, byHand, subnet, group, snapshot, volume(1)].map(String) };
    tags = { [group]: ["aws:autoscaling:groupName"] };
    const state = { deployment: { resources: [resource("db-ABC", { arn: database }), resource("subnet-1")] } };
    const { objects, unseen } = await unmanagedOnAws(what, state);
    expect(objects).toEqual([{ kind: "rds", name: byHand }]);
    expect(unseen).toEqual([expect.stringContaining("nodes come and go")]);
    status = 403;
    expect(await unmanagedOnAws(what, state)).toEqual({
      objects: [],
      unseen: [expect.stringContaining("not allowed to tag:GetResources")],
    });
  });
});
