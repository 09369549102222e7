import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { HANDLERS, startFront, type Front } from "./front.ts";

test("docs/aws-tests.md names every handler, and no other", () => {
  const text = readFileSync(new URL("../../docs/aws-tests.md", import.meta.url), "utf8");
  const table = text.slice(text.indexOf("| Handler "), text.indexOf("Known and left"));
  const told = table
    .split("\n")
    .slice(2)
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|")[1]?.trim());
  expect(told.sort()).toEqual(HANDLERS.map(({ name }) => name).sort());
});

describe("before a server that stands in for moto", () => {
  let behind: Server;
  let front: Front;
  let answer: { status: number; type: string; body: string };
  let seen: string[];
  /** The body of the last request. */
  let body: string;
  beforeEach(async () => {
    seen = [];
    behind = createServer((request, response) => {
      seen.push(`${request.method ?? ""} ${request.url ?? ""}`);
      body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => response.writeHead(answer.status, { "content-type": answer.type }).end(answer.body));
    });
    await new Promise<void>((resolve) => behind.listen(0, "127.0.0.1", resolve));
    front = await startFront(`http://127.0.0.1:${(behind.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    await front.close();
    behind.closeAllConnections();
    await new Promise((resolve) => behind.close(resolve));
  });

  const ask = (service: string, body?: string, path = "/") =>
    fetch(`${front.url}${path}`, {
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=k/20260101/eu-central-1/${service}/aws4_request` },
      ...(body !== undefined && { method: "POST", body }),
    });

  it("passes on what no handler knows, as it came, and its answer", async () => {
    answer = { status: 200, type: "text/xml", body: "<all/>" };
    const got = await ask("sqs", "Action=ListQueues", "/a/b?c=d");
    expect([got.status, await got.text(), seen]).toEqual([200, "<all/>", ["POST /a/b?c=d"]]);
    expect([...front.unanswered]).toEqual([]);
  });

  it.each([
    [500, "text/xml", "<boom/>"],
    [404, "text/html", "<h1>Not Found</h1>"],
  ])("refuses by name what moto answers with %d %s, so that no SDK asks again", async (status, type, body) => {
    answer = { status, type, body };
    const got = await ask("sqs", "Action=ListQueues&Version=1");
    expect(got.status).toBe(400);
    expect(await got.text()).toContain("<Code>NotSimulated</Code>");
    expect([...front.unanswered]).toEqual(["sqs ListQueues"]);
  });

  it("leaves AWS' own refusals as they are", async () => {
    answer = { status: 404, type: "application/json", body: '{"message":"no such thing"}' };
    expect((await ask("eks", undefined, "/clusters/none")).status).toBe(404);
    expect([...front.unanswered]).toEqual([]);
  });

  it("shows no replication group that is being deleted: moto keeps it so for good", async () => {
    const group = (id: string, status: string) =>
      `<ReplicationGroup><ReplicationGroupId>${id}</ReplicationGroupId><Status>${status}</Status></ReplicationGroup>`;
    answer = { status: 200, type: "text/xml", body: group("a", "available") + group("b", "deleting") };
    expect(await (await ask("elasticache", "Action=DescribeReplicationGroups")).text()).toBe(group("a", "available"));
    answer = { ...answer, body: group("b", "deleting") };
    const gone = await ask("elasticache", "Action=DescribeReplicationGroups&ReplicationGroupId=b");
    expect(gone.status).toBe(404);
    expect(await gone.text()).toContain("ReplicationGroupNotFoundFault");
  });

  it("remembers what RDS was asked for: Performance Insights of each instance alone, and of what is restored of it", async () => {
    const instance = (id: string) =>
      `<DBInstance><DBInstanceIdentifier>${id}</DBInstanceIdentifier><PerformanceInsightsEnabled>false</PerformanceInsightsEnabled></DBInstance>`;
    answer = { status: 200, type: "text/xml", body: instance("a") + instance("b") };
    await ask("rds", "Action=CreateDBInstance&DBInstanceIdentifier=a&EnablePerformanceInsights=true");
    const told = await (await ask("rds", "Action=DescribeDBInstances")).text();
    expect(told).toMatch(/a<\/DBInstanceIdentifier>.*?<PerformanceInsightsEnabled>true</);
    expect(told).toMatch(/b<\/DBInstanceIdentifier><PerformanceInsightsEnabled>false</);
    const restore = "Action=RestoreDBInstanceToPointInTime&SourceDBInstanceIdentifier=a&TargetDBInstanceIdentifier=b";
    await ask("rds", restore);
    const restored = await (await ask("rds", "Action=DescribeDBInstances")).text();
    expect(restored).toMatch(/b<\/DBInstanceIdentifier>.*?<PerformanceInsightsEnabled>true</);
  });

  it("tells instances of RDS apart by resource ids, and what is restored is no replica", async () => {
    const instance = (id: string) =>
      `<DBInstance><DBInstanceIdentifier>${id}</DBInstanceIdentifier><DbiResourceId>db-ONE</DbiResourceId>` +
      "<ReadReplicaSourceDBInstanceIdentifier>a</ReadReplicaSourceDBInstanceIdentifier></DBInstance>";
    answer = { status: 200, type: "text/xml", body: `<All>${instance("a")}${instance("b")}</All>` };
    const all = await (await ask("rds", "Action=DescribeDBInstances")).text();
    expect(all).not.toContain("ReadReplica");
    const [first, second] = [...all.matchAll(/<DbiResourceId>(db-[0-9A-F]{26})</g)].map(([, id]) => id ?? "");
    expect(first).not.toBe(second);
    const filter = `Filters.Filter.1.Name=dbi-resource-id&Filters.Filter.1.Values.Value.1=${second ?? ""}`;
    const found = await (await ask("rds", `Action=DescribeDBInstances&${filter}`)).text();
    expect([...found.matchAll(/<DBInstanceIdentifier>(\w+)</g)].map(([, name]) => name)).toEqual(["b"]);
  });

  it("tells a launch template's own tags from those of what is launched", async () => {
    const tags = (type: string) => `<item><resourceType>${type}</resourceType><tagSet><item/></tagSet></item>`;
    answer = { status: 200, type: "text/xml", body: tags("instance") + tags("launch-template") + tags("volume") };
    const told = await (await ask("ec2", "Action=DescribeLaunchTemplateVersions")).text();
    expect(told).toBe(tags("instance") + tags("volume"));
  });

  it("describes a security group rule as it was asked for", async () => {
    const rule = "<item><securityGroupRuleId>sgr-1</securityGroupRuleId></item>";
    answer = { status: 200, type: "text/xml", body: rule };
    await ask("ec2", "Action=AuthorizeSecurityGroupIngress&IpPermissions.1.Groups.1.Description=nodes+to+cache");
    const told = await (await ask("ec2", "Action=DescribeSecurityGroupRules")).text();
    expect(told).toContain("</securityGroupRuleId><description>nodes to cache</description>");
  });

  it("keeps conditions of a bucket's policy from moto, and tells them until the policy is taken away", async () => {
    const authorization = "AWS4-HMAC-SHA256 Credential=k/20260101/eu-central-1/s3/aws4_request";
    const policy = async (method: string, text?: string) => {
      const asked = await fetch(`${front.url}/bucket?policy`, {
        ...{ method, headers: { authorization } },
        ...(text !== undefined && { body: text }),
      });
      return asked.text();
    };
    const open = { Effect: "Allow", Principal: "*", Action: "s3:GetObject" };
    const given = JSON.stringify({ Statement: [open, { ...open, Effect: "Deny", Condition: { Bool: {} } }] });
    answer = { status: 200, type: "application/json", body: "{}" };
    await policy("PUT", given);
    expect(JSON.parse(body)).toEqual({ Statement: [open] });
    expect(await policy("GET")).toBe(given);
    await policy("DELETE");
    expect(await policy("GET")).toBe("{}");
  });

  it("tells the rules of a bucket's replication as they were given, until they are taken away", async () => {
    const authorization = "AWS4-HMAC-SHA256 Credential=k/20260101/eu-central-1/s3/aws4_request";
    const replication = async (method: string, body?: string) => {
      const asked = await fetch(`${front.url}/bucket?replication`, {
        ...{ method, headers: { authorization } },
        ...(body !== undefined && { body }),
      });
      return asked.text();
    };
    const rules = "<ReplicationConfiguration><Rule><SourceSelectionCriteria/></Rule></ReplicationConfiguration>";
    answer = { status: 404, type: "text/xml", body: "<Error/>" };
    await replication("PUT", rules);
    expect(await replication("GET")).toBe("<Error/>");
    answer = { status: 200, type: "text/xml", body: "<forgotten/>" };
    await replication("PUT", rules);
    expect(await replication("GET")).toBe(rules);
    expect(await (await ask("s3", undefined, "/other?replication")).text()).toBe("<forgotten/>");
    await replication("DELETE");
    expect(await replication("GET")).toBe("<forgotten/>");
  });
});
