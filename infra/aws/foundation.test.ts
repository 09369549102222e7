import { beforeAll, describe, expect, it } from "vitest";
import { awsSettings, inputs, LEAST, names, ofType, recordFoundation, TYPES } from "../../test/pulumi/aws.ts";
import { isSecretEnvelope, type RecordedResource } from "../../test/pulumi/recorder.ts";

/** What has to hold for all of the foundation, whatever part makes it. */

let resources: readonly RecordedResource[];
let careless: readonly RecordedResource[];
beforeAll(async () => {
  const gpu = [{ shape: "l4", max: 2 }];
  const cluster = { ...LEAST.cluster, publicCidrs: ["93.184.216.34/32"] };
  const settings = awsSettings({ pools: { gpu }, overrides: { natGateways: "per-zone" }, cluster });
  ({ resources } = await recordFoundation({ settings }));
  ({ resources: careless } = await recordFoundation({ settings, keep: false }));
});

/** What cannot be made again, or tells afterwards what was done. */
const STATEFUL: readonly string[] = [TYPES.key, TYPES.vpc, TYPES.address, TYPES.cluster, TYPES.logGroup];

/** What AWS takes no tags for. */
const UNTAGGED: readonly string[] = [
  ...[TYPES.route, TYPES.association, TYPES.alias, TYPES.rolePolicy, TYPES.attachedPolicy, TYPES.accessPolicy],
  TYPES.id,
];

const isOfAws = ({ type }: RecordedResource) => type.startsWith("aws:");

describe("protection", () => {
  it("is on all that cannot be made again, and on nothing else", () => {
    const kept = new Set(resources.filter((one) => one.isProtected).map(({ type }) => type));
    expect([...kept].sort()).toEqual([...STATEFUL].sort());
    for (const one of resources.filter(({ type }) => STATEFUL.includes(type)))
      expect([one.type, one.name, one.isProtected, one.deleteBeforeReplace]).toEqual([one.type, one.name, true, false]);
    expect(inputs(resources, TYPES.cluster, "cluster")["deletionProtection"]).toBe(true);
  });

  it("is on nothing where the stack is not to be kept", () => {
    expect(careless.filter((one) => one.isProtected)).toEqual([]);
    expect(inputs(careless, TYPES.cluster, "cluster")["deletionProtection"]).toBe(false);
  });

  it("is all that differs there", () => {
    const named = (all: readonly RecordedResource[]) => all.map(({ type, name }) => `${type} ${name}`).sort();
    expect(named(careless)).toEqual(named(resources));
  });
});

describe("every resource", () => {
  it("says whose it is, wherever AWS takes tags", () => {
    const tagged = resources.filter((one) => isOfAws(one) && !UNTAGGED.includes(one.type));
    expect(tagged.length).toBeGreaterThan(50);
    for (const { type, name, inputs: sent } of tagged)
      expect([type, name, sent["tags"]]).toEqual([
        type,
        name,
        expect.objectContaining({
          Name: `unit-${name}`,
          ...{ "slipway:stack": "unit", "slipway:environment": "prod", "slipway:managed-by": "pulumi" },
        }),
      ]);
  });

  it("is made with the stack's provider, which knows the region, and stands below the stack's component", () => {
    for (const { name, provider, parent } of resources.filter(isOfAws))
      expect([name, provider, parent]).toEqual([
        name,
        expect.stringMatching(/pulumi:providers:aws::aws::/),
        expect.stringMatching(/slipway:aws:Platform::aws$/),
      ]);
  });

  it("holds no secret", () => {
    const secrets = resources.filter(({ sent }) => Object.values(sent).some(isSecretEnvelope));
    expect(secrets.map(({ name }) => name)).toEqual([]);
  });
});

interface Statement {
  readonly Effect: string;
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Policy {
  readonly where: string;
  readonly type: string;
  readonly statements: readonly Statement[];
}

/** Every policy that stands in an input of any resource, by whatever name. */
function policies(all: readonly RecordedResource[]): readonly Policy[] {
  return all.flatMap(({ type, name, inputs: sent }) =>
    Object.entries(sent).flatMap(([key, text]) => {
      if (typeof text !== "string" || !text.includes('"Statement"')) return [];
      const { Statement: statements } = JSON.parse(text) as { readonly Statement: readonly Statement[] };
      return [{ where: `${name}.${key}`, type, statements }];
    }),
  );
}

const list = (one: string | readonly string[] = []) => (typeof one === "string" ? [one] : one);

describe("policies", () => {
  it("are found: those of keys, of roles, and who may take them", () => {
    const count = (type: string) => policies(resources).filter((policy) => policy.type === type).length;
    expect([count(TYPES.key), count(TYPES.role), count(TYPES.rolePolicy)]).toEqual([8, 5, 3]);
  });

  it("name each action, and each resource of what changes anything", () => {
    for (const { where, type, statements } of policies(resources))
      for (const statement of statements) {
        expect(Object.keys(statement), where).not.toEqual(
          expect.arrayContaining([expect.stringMatching(/^Not(Action|Resource|Principal)$/)]),
        );
        expect(
          list(statement.Action).filter((action) => action.includes("*")),
          where,
        ).toEqual([]);
        const isWide = list(statement.Resource).includes("*");
        const changes = list(statement.Action).filter((action) => !/:(Describe|Get|List)/.test(action));
        // In a key's policy the star is the key itself.
        if (isWide && type !== TYPES.key) expect(changes, where).toEqual([]);
      }
  });

  it("give nobody but named ones of the account anything", () => {
    for (const { where, statements } of policies(resources))
      for (const { Principal, Condition = {} } of statements) {
        if (!JSON.stringify(Principal ?? "").includes('"*"')) continue;
        expect(Condition["StringEquals"], where).toEqual({
          "kms:CallerAccount": "123456789012",
          "aws:PrincipalArn": expect.stringMatching(/^arn:aws:iam::123456789012:role\/[^*]+$/) as string,
        });
      }
  });

  it("let a service take a role for this stack alone; of nodes EC2 says no more", () => {
    for (const { where, type, statements } of policies(resources).filter((policy) => policy.type === TYPES.role)) {
      expect([where, type, statements.length]).toEqual([where, TYPES.role, 1]);
      const [{ Condition } = {}] = statements;
      if (where === "nodes.assumeRolePolicy") continue;
      expect(Condition?.["StringEquals"], where).toMatchObject({ "aws:SourceAccount": "123456789012" });
    }
  });

  it("of AWS's own are these", () => {
    const attached = ofType(resources, TYPES.attachedPolicy).map(
      ({ inputs: sent }) => `${String(sent["role"])} ${String(sent["policyArn"])}`,
    );
    expect(attached.sort()).toEqual([
      "cluster-made arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
      "ebs-csi-made arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
      "nodes-made arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
      "nodes-made arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
      "vpc-cni-made arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    ]);
  });
});

describe("security groups", () => {
  it("let nobody in from everywhere, and have no rules of the old kind", () => {
    for (const { name, inputs: sent } of ofType(resources, TYPES.ingress))
      expect(JSON.stringify([name, sent])).not.toMatch(/0\.0\.0\.0\/0|::\/0/);
    for (const { inputs: sent } of ofType(resources, TYPES.securityGroup)) {
      expect(sent).not.toHaveProperty("ingress");
      expect(sent).not.toHaveProperty("egress");
    }
    expect(names(resources, TYPES.securityGroup)).toEqual(["endpoints"]);
  });
});
