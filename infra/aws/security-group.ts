import { SecurityGroup } from "@pulumi/aws/ec2/securityGroup.js";
import { SecurityGroupIngressRule } from "@pulumi/aws/vpc/securityGroupIngressRule.js";
import type { Input, Output } from "@pulumi/pulumi";
import { options, tagged, type AwsPlace } from "./place.ts";

export interface ServiceGroupArgs {
  /** Name of the service: `database`. */
  readonly name: string;
  readonly description: string;
  readonly vpcId: Input<string>;
  readonly port: number;
  /** Security groups that may reach it, by a name for good. Nobody else may. */
  readonly sources: Readonly<Record<string, Input<string>>>;
  readonly place: AwsPlace;
}

/** The security group of a service that answers on one port and calls nobody: it has no rule for the way out. */
export function serviceGroup({ name, description, vpcId, port, sources, place }: ServiceGroupArgs): Output<string> {
  const group = new SecurityGroup(name, { description, vpcId, tags: tagged(place, name) }, options(place));
  for (const [source, referencedSecurityGroupId] of Object.entries(sources))
    new SecurityGroupIngressRule(
      `${name}-from-${source}`,
      {
        securityGroupId: group.id,
        referencedSecurityGroupId,
        ipProtocol: "tcp",
        fromPort: port,
        toPort: port,
        description: `${source} to ${name}`,
        tags: tagged(place, `${name}-from-${source}`),
      },
      options(place),
    );
  return group.id;
}
