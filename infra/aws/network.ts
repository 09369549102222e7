import { DefaultSecurityGroup } from "@pulumi/aws/ec2/defaultSecurityGroup.js";
import { Eip } from "@pulumi/aws/ec2/eip.js";
import { InternetGateway } from "@pulumi/aws/ec2/internetGateway.js";
import { NatGateway } from "@pulumi/aws/ec2/natGateway.js";
import { Route } from "@pulumi/aws/ec2/route.js";
import { RouteTable } from "@pulumi/aws/ec2/routeTable.js";
import { RouteTableAssociation } from "@pulumi/aws/ec2/routeTableAssociation.js";
import { Subnet } from "@pulumi/aws/ec2/subnet.js";
import { Vpc } from "@pulumi/aws/ec2/vpc.js";
import type { Output, Resource } from "@pulumi/pulumi";
import type { NetworkPlan, SubnetPlan, Tier } from "../plan/networks.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import { stateful } from "./stateful.ts";

export interface NetworkArgs {
  readonly plan: NetworkPlan;
  readonly place: AwsPlace;
}

/** Ids of subnets by zone, in the order of the stack's file. */
export type ZoneSubnets = ReadonlyMap<string, Output<string>>;

export interface Network {
  readonly vpcId: Output<string>;
  /** Block of the VPC. */
  readonly cidr: string;
  /** For load balancers. */
  readonly public: ZoneSubnets;
  /** For nodes and pods. */
  readonly private: ZoneSubnets;
  /** For databases and caches: there is no way out. */
  readonly data: ZoneSubnets;
  /** Ids of the route tables of the private subnets. */
  readonly privateRouteTables: readonly Output<string>[];
  /** Addresses from which nodes and pods reach the internet: partners let them through their firewalls. */
  readonly egressAddresses: readonly Output<string>[];
  /** From then on nodes reach the internet. */
  readonly ready: readonly Resource[];
}

const EVERYWHERE = "0.0.0.0/0";

/** By which load balancers of Services find their subnets. */
const TIER_TAGS: Readonly<Record<Tier, Readonly<Record<string, string>>>> = {
  public: { "kubernetes.io/role/elb": "1" },
  private: { "kubernetes.io/role/internal-elb": "1" },
  data: {},
};

/** The VPC with its subnets and the ways between them and out. */
export function network({ plan, place }: NetworkArgs): Network {
  const vpcId = vpc(plan, place);
  const subnets = {
    public: tier("public", plan.public, vpcId, place),
    private: tier("private", plan.private, vpcId, place),
    data: tier("data", plan.data, vpcId, place),
  };
  const gateway = new InternetGateway("internet", { vpcId, tags: tagged(place, "internet") }, options(place));
  publicRoutes(vpcId, gateway, subnets.public, place);
  const nats = natGateways(plan, gateway, subnets.public, place);
  const { tables, routes } = privateRoutes({ plan, vpcId, nats, subnets: subnets.private, place });
  dataRoutes(vpcId, subnets.data, place);
  return {
    ...{ vpcId, cidr: plan.cidr, ...subnets, privateRouteTables: tables, ready: routes },
    egressAddresses: [...nats.values()].map(({ address }) => address.publicIp),
  };
}

function vpc({ cidr }: NetworkPlan, place: AwsPlace): Output<string> {
  const made = new Vpc(
    "network",
    { cidrBlock: cidr, enableDnsSupport: true, enableDnsHostnames: true, tags: tagged(place, "network") },
    stateful(place),
  );
  // Whatever forgets to name a group gets this one: it lets nothing in and nothing out.
  new DefaultSecurityGroup(
    "network-default",
    { vpcId: made.id, ingress: [], egress: [], tags: tagged(place, "network-default") },
    options(place),
  );
  return made.id;
}

function tier(name: Tier, plans: readonly SubnetPlan[], vpcId: Output<string>, place: AwsPlace): ZoneSubnets {
  return new Map(
    plans.map((plan) => {
      const subnet = new Subnet(
        plan.name,
        {
          vpcId,
          availabilityZone: plan.zone,
          cidrBlock: plan.cidr,
          // NAT and load balancers bring addresses of their own; nothing else stands in public.
          mapPublicIpOnLaunch: false,
          tags: { ...tagged(place, plan.name), ...TIER_TAGS[name] },
        },
        options(place),
      );
      return [plan.zone, subnet.id];
    }),
  );
}

function publicRoutes(vpcId: Output<string>, gateway: InternetGateway, subnets: ZoneSubnets, place: AwsPlace): void {
  const table = new RouteTable("public", { vpcId, tags: tagged(place, "public") }, options(place));
  new Route(
    "public-internet",
    { routeTableId: table.id, destinationCidrBlock: EVERYWHERE, gatewayId: gateway.id },
    options(place),
  );
  associate("public", table, subnets, place);
}

interface Nat {
  readonly gateway: NatGateway;
  readonly address: Eip;
}

function natGateways(
  { nats }: NetworkPlan,
  internet: InternetGateway,
  subnets: ZoneSubnets,
  place: AwsPlace,
): ReadonlyMap<string, Nat> {
  return new Map(
    nats.map(({ name, zone }) => {
      // Given back, an address is somebody else's: those who let it through would let him through.
      const address = new Eip(
        name,
        { domain: "vpc", tags: tagged(place, name) },
        stateful(place, { dependsOn: [internet] }),
      );
      const gateway = new NatGateway(
        name,
        {
          connectivityType: "public",
          allocationId: address.allocationId,
          subnetId: inZone(subnets, zone),
          tags: tagged(place, name),
        },
        options(place, { dependsOn: [internet] }),
      );
      return [name, { gateway, address }];
    }),
  );
}

interface PrivateRoutesArgs {
  readonly plan: NetworkPlan;
  readonly vpcId: Output<string>;
  readonly nats: ReadonlyMap<string, Nat>;
  readonly subnets: ZoneSubnets;
  readonly place: AwsPlace;
}

/** One table a zone also where there is one NAT: more of them later move no subnet to another table. */
function privateRoutes({ plan, vpcId, nats, subnets, place }: PrivateRoutesArgs) {
  const made = plan.private.map(({ name, zone, nat }) => {
    const table = new RouteTable(name, { vpcId, tags: tagged(place, name) }, options(place));
    const natGatewayId = nats.get(nat)?.gateway.id;
    if (natGatewayId === undefined)
      throw new Error(`network: ${name} goes out by ${nat}, which the plan does not have.`);
    const route = new Route(
      `${name}-nat`,
      { routeTableId: table.id, destinationCidrBlock: EVERYWHERE, natGatewayId },
      options(place),
    );
    new RouteTableAssociation(name, { routeTableId: table.id, subnetId: inZone(subnets, zone) }, options(place));
    return { table: table.id, route };
  });
  return { tables: made.map(({ table }) => table), routes: made.map(({ route }) => route) };
}

/** A table without routes: what the main one of the VPC may get one day does not reach here. */
function dataRoutes(vpcId: Output<string>, subnets: ZoneSubnets, place: AwsPlace): void {
  associate("data", new RouteTable("data", { vpcId, tags: tagged(place, "data") }, options(place)), subnets, place);
}

function associate(name: Tier, table: RouteTable, subnets: ZoneSubnets, place: AwsPlace): void {
  for (const [zone, subnetId] of subnets)
    new RouteTableAssociation(`${name}-${zone}`, { routeTableId: table.id, subnetId }, options(place));
}

/** The subnet of a zone. */
export function inZone(subnets: ZoneSubnets, zone: string): Output<string> {
  const subnet = subnets.get(zone);
  if (subnet === undefined)
    throw new Error(`network: no subnet stands in ${zone}, must be one of ${[...subnets.keys()].join(", ")}.`);
  return subnet;
}
