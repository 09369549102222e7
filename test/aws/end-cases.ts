import { describe, expect, it } from "vitest";
import { STACK_TAG } from "../../infra/aws/tags.ts";
import type { Destroyed } from "../../ops/commands/destroy.ts";
import type { DestroyPlan } from "../../ops/destroying.ts";
import { until } from "../servers/programs.ts";
import { seenBackups } from "./backups.ts";
import { askAws } from "./pod-identity-agent.ts";
import { COPY_REGION, LOG_BUCKET, NAMESPACE, REGION, type World } from "./world.ts";

/** An action of an API whose requests are forms; gives its XML. */
type Act = (service: string, fields: Readonly<Record<string, string>>) => Promise<string>;

export interface EndArgs {
  readonly world: () => World;
  readonly act: Act;
  /** Has a text spoken. */
  readonly speak: (text: string) => Promise<string>;
  /** Writes into the stack's file. */
  readonly set: (key: string, value: string) => Promise<string>;
  /** Names of all buckets. */
  readonly listed: (path: string, element: "Name") => Promise<string[]>;
}

/** A security group that somebody made by hand for the stack, and that nothing of the stack knows; gives its id. moto tells of no addresses by their tags. */
export async function makeByHand(act: Act): Promise<string> {
  const tag = {
    "TagSpecification.1.ResourceType": "security-group",
    "TagSpecification.1.Tag.1.Key": STACK_TAG,
    "TagSpecification.1.Tag.1.Value": "test",
  };
  const named = { GroupName: "by-hand", GroupDescription: "somebody's own" };
  const said = await act("ec2", { Action: "CreateSecurityGroup", Version: "2016-11-15", ...named, ...tag });
  const id = /<groupId>([^<]+)/.exec(said)?.[1];
  if (id === undefined) throw new Error(`moto made no group: ${said}`);
  return id;
}

/** `slipway destroy` on AWS; nothing of the stack is there afterwards. */
export function endCases({ world, speak, set, listed, act }: EndArgs): void {
  const planned = async () => {
    const { code, result, text } = await world().stack.asked<DestroyPlan>("destroy");
    expect(code, text).toBe(0);
    return { ...result, names: [...new Set(result.data.map(({ name }) => name))] };
  };

  describe("the end of a prod stack: slipway destroy", () => {
    it("says what would go, is refused while data is unnamed, or protected, and nothing is gone", async () => {
      const { names, others } = await planned();
      expect(names).toEqual(expect.arrayContaining(["database", "cache", "objects"]));
      expect(others.length).toBeGreaterThan(100);
      const unnamed = await world().stack.slipway("destroy", "--yes", "--data", "objects").ended;
      expect(unnamed.code, unnamed.output).toBe(2);
      const { code, output } = await world().stack.slipway("destroy", "--yes", "--data", names.join()).ended;
      expect(code, output).toBe(1);
      expect(output).toMatch(/protects \d+ of its resources, and nothing of it was touched/);
      await world().stack.good("refresh", "--preview-only", "--expect-no-changes");
      await speak("Still here.");
    });

    it("leaves nothing once teardown is set and up took the protection off, but what it is meant to, and names what it did not make", async () => {
      await set("teardown", "true");
      await world().stack.good("up", "--yes", "--skip-preview");
      const { names } = await planned();
      const { code, result, text } = await world().stack.asked<Destroyed>("destroy", "--yes", "--data", names.join());
      expect(code, text).toBe(0);
      await nothingIsThere();
      whatIsLeft(result.left);
      await lettingGo();
      expect([...world().aws.front.unanswered]).toEqual([]);
    });
  });

  async function nothingIsThere(): Promise<void> {
    const namespaces = () => world().cluster.kubectl("get", "namespaces", "--output=name");
    await until("the namespace is gone", async () => !(await namespaces()).includes(NAMESPACE), 60_000);
    const clusters = await askAws(world().aws.front, REGION, "eks", "/clusters");
    expect(await clusters.json()).toEqual({ clusters: [] });
    expect(await listed("/", "Name")).toEqual([LOG_BUCKET]);
    expect(await act("rds", { Action: "DescribeDBInstances", Version: "2014-10-31" })).not.toContain("<DBInstance>");
    expect(await act("ec2", { Action: "DescribeVpcs", Version: "2016-11-15" })).not.toContain("10.20.0.0/16");
    expect(await act("iam", { Action: "ListRoles", Version: "2010-05-08" })).not.toContain("slipway-");
    for (const region of [REGION, COPY_REGION])
      expect((await seenBackups(world().aws.front, region)).vaults).toEqual([]);
  }

  function whatIsLeft({ objects }: Destroyed["left"]): void {
    // moto lists them by their tags for good; AWS does so for an hour with gateways. Those that serve them say that they are gone.
    const stale = /:(natgateway\/|replicationgroup:|subnetgroup:)/;
    expect(objects.filter(({ name, kept }) => kept === undefined && !stale.test(name))).toEqual([
      {
        kind: "ec2",
        name: expect.stringContaining(":security-group/sg-") as string,
        remove: expect.stringMatching(/^aws ec2 delete-security-group --group-id sg-\w+ --region /) as string,
      },
    ]);
    // One of each generation of the database: where it was restored, of two.
    const snapshots = objects.filter(({ name }) => name.endsWith("-final"));
    expect(snapshots).not.toEqual([]);
    for (const { kept } of snapshots) expect(kept).toBe("last snapshot, to restore from");
  }

  async function lettingGo(): Promise<void> {
    expect(await act("ec2", { Action: "DescribeNatGateways", Version: "2016-11-15" })).not.toMatch(/<state>available/);
    const groups = await act("elasticache", { Action: "DescribeReplicationGroups", Version: "2015-02-02" });
    expect(groups).not.toContain("<ReplicationGroupId>");
  }
}
