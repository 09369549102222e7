import { z } from "zod";
import { CidrError, overlaps, parseCidr, type Cidr } from "../infra/plan/cidr.ts";

/** The least narrow block that a public endpoint may answer to: who means everybody has to think again. */
const SHORTEST_PREFIX = 16;

/** Blocks that examples are written with: nobody has an address of them. */
const EXAMPLES = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"].map(parseCidr);

/** Blocks from which nothing comes over the internet; EKS refuses them too, but only when everything before the cluster is there. */
const NEVER_PUBLIC = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"],
].map(parseCidr);

const publicCidr = z.string().superRefine((text, context) => {
  const message = fault(text);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

/**
 * Networks from which the Kubernetes API can be reached over the internet. There is no default: with none, who deploys from elsewhere would get as far
 * as the cluster, and no further.
 */
export const publicCidrs = z
  .array(publicCidr, {
    error: (issue) =>
      issue.input === undefined
        ? "must name the networks from which you deploy over the internet, such as your own address with /32, " +
          "or be [] where whoever deploys is in the stack's network or on a VPN to it"
        : "must be a list of networks",
  })
  .max(40);

/** What is wrong with a block, if anything. */
function fault(text: string): string | undefined {
  let block: Cidr;
  try {
    block = parseCidr(text);
  } catch (error) {
    if (error instanceof CidrError) return error.message;
    throw error;
  }
  if (block.prefix < SHORTEST_PREFIX)
    return `must be /${SHORTEST_PREFIX} or narrower; the whole internet has no business there`;
  if (EXAMPLES.some((example) => overlaps(example, block)))
    return "stands for your own address: put in what https://checkip.amazonaws.com says where you deploy, with /32";
  if (NEVER_PUBLIC.some((range) => overlaps(range, block)))
    return "must be of the internet: the stack's own network reaches the cluster without it";
  return undefined;
}
