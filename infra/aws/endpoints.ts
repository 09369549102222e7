import { SecurityGroup } from "@pulumi/aws/ec2/securityGroup.js";
import { VpcEndpoint } from "@pulumi/aws/ec2/vpcEndpoint.js";
import { SecurityGroupIngressRule } from "@pulumi/aws/vpc/securityGroupIngressRule.js";
import type { Output } from "@pulumi/pulumi";
import type { EndpointService } from "../../configs/aws-settings.ts";
import type { Network } from "./network.ts";
import { options, tagged, type AwsPlace } from "./place.ts";

export interface EndpointsArgs {
  /** Services with an address in the private subnets. */
  readonly services: readonly EndpointService[];
  readonly network: Network;
  readonly region: string;
  readonly place: AwsPlace;
}

const HTTPS = 443;

/**
 * Ways to AWS's services that do not lead over NAT: to S3 by a route, which costs nothing, to others by addresses in the network.
 *
 * They are there for the day on which NAT is not: nodes of every zone still get their images, roles and addresses. They have no policies. Layers of
 * images are read from S3 by signatures of AWS's own, which a policy for our account alone would shut out.
 */
export function endpoints({ services, network, region, place }: EndpointsArgs): void {
  const { vpcId, privateRouteTables } = network;
  new VpcEndpoint(
    "endpoint-s3",
    {
      vpcId,
      serviceName: `com.amazonaws.${region}.s3`,
      vpcEndpointType: "Gateway",
      routeTableIds: [...privateRouteTables],
      tags: tagged(place, "endpoint-s3"),
    },
    options(place),
  );
  if (services.length === 0) return;
  const group = endpointGroup(network, place);
  for (const service of services) {
    const name = `endpoint-${service.replace(".", "-")}`;
    new VpcEndpoint(
      name,
      {
        vpcId,
        serviceName: `com.amazonaws.${region}.${service}`,
        vpcEndpointType: "Interface",
        // Its usual name leads there, so nobody has to know of it.
        privateDnsEnabled: true,
        subnetIds: [...network.private.values()],
        securityGroupIds: [group],
        tags: tagged(place, name),
      },
      options(place),
    );
  }
}

/** In from the network by TLS; an endpoint calls nobody, so it has no rule for the way out. */
function endpointGroup({ vpcId, cidr }: Network, place: AwsPlace): Output<string> {
  const group = new SecurityGroup(
    "endpoints",
    { description: "Ways to the services of AWS", vpcId, tags: tagged(place, "endpoints") },
    options(place),
  );
  new SecurityGroupIngressRule(
    "endpoints-from-network",
    {
      ...{ securityGroupId: group.id, cidrIpv4: cidr, ipProtocol: "tcp", fromPort: HTTPS, toPort: HTTPS },
      description: "network to the services of AWS",
      tags: tagged(place, "endpoints-from-network"),
    },
    options(place),
  );
  return group.id;
}
