import { Role } from "@pulumi/aws/iam/role.js";
import { RolePolicy } from "@pulumi/aws/iam/rolePolicy.js";
import { RolePolicyAttachment } from "@pulumi/aws/iam/rolePolicyAttachment.js";
import { jsonStringify, type Input, type Output, type Resource } from "@pulumi/pulumi";
import { options, tagged, type AwsPlace } from "./place.ts";

/** Conditions of a statement: operator, key, values. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, Input<string> | readonly Input<string>[]>>>>;

export interface RoleArgs {
  /** Logical name. */
  readonly name: string;
  readonly description: string;
  /** Service that may take the role, such as eks.amazonaws.com. */
  readonly service: string;
  /** What the service may do with it. @default sts:AssumeRole */
  readonly actions?: readonly string[];
  /** For whom it may: without them the service could take the role for somebody else's thing. */
  readonly conditions?: Conditions;
  /** Names or paths of AWS's own policies, such as AmazonEKSClusterPolicy. */
  readonly managed?: readonly string[];
  /** What else the role may do, as an IAM policy. */
  readonly policy?: Input<string>;
  readonly place: AwsPlace;
}

export interface MadeRole {
  readonly arn: Output<string>;
  /** What it may do; who takes the role waits for it. */
  readonly rights: readonly Resource[];
}

/** A role of a service and what it may do. */
export function role({
  name,
  description,
  service,
  conditions,
  managed = [],
  policy,
  place,
  ...args
}: RoleArgs): MadeRole {
  const { actions = ["sts:AssumeRole"] } = args;
  const trust = {
    ...{ Effect: "Allow", Principal: { Service: service }, Action: actions },
    ...(conditions === undefined ? {} : { Condition: conditions }),
  };
  const made = new Role(
    name,
    {
      description,
      assumeRolePolicy: jsonStringify({ Version: "2012-10-17", Statement: [trust] }),
      tags: tagged(place, name),
    },
    options(place),
  );
  const attached = managed.map(
    (path) =>
      new RolePolicyAttachment(
        `${name}-${path.split("/").at(-1) ?? path}`,
        { role: made.name, policyArn: `arn:aws:iam::aws:policy/${path}` },
        options(place),
      ),
  );
  const own = policy === undefined ? [] : [new RolePolicy(name, { role: made.name, policy }, options(place))];
  return { arn: made.arn, rights: [...attached, ...own] };
}
