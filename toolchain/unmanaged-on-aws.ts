import { taggedResources, lastPart, whyKept, type Leftovers } from "./aws-leftovers.ts";
import type { Deployment } from "./stack.ts";
import { sortedObjects, type Unmanaged } from "./unmanaged.ts";

/** What bears a stack's tag because something of the stack made it: nodes by their launch template, nodes of a cache by its group. */
const FOLLOWING =
  /^arn:[^:]+:(ec2:[^:]*:[^:]*:(instance|volume|network-interface|spot-instances-request)\/|elasticache:[^:]*:[^:]*:cluster:)/;

const NODES = "instances, volumes and interfaces of AWS: nodes come and go with the stack's tag";

/**
 * What bears a stack's tag on AWS and is in its state neither by its ARN nor by its id. What a service of AWS has made (a tag of its own says so) and
 * what stays on purpose is none.
 */
export async function unmanagedOnAws(
  what: Pick<Leftovers, "stack" | "regions" | "client">,
  deployment: Deployment,
): Promise<Unmanaged> {
  const known = knownOf(deployment);
  try {
    const found = await taggedResources(what);
    const own = found.filter(
      ({ arn, tags }) => !tags.some((key) => key.startsWith("aws:")) && isOwn(arn) && !known(arn),
    );
    const objects = own.map(({ arn }) => ({ kind: arn.split(":")[2] ?? "", name: arn }));
    return { objects: sortedObjects(objects), unseen: [NODES] };
  } catch (error) {
    return { objects: [], unseen: [`what AWS has beside the stack: ${String(error)}`] };
  }
}

function isOwn(arn: string): boolean {
  return !FOLLOWING.test(arn) && whyKept(arn) === undefined;
}

/** Whether the state has something, by an ARN among its values or by its id. */
function knownOf({ deployment: { resources = [] } }: Deployment): (arn: string) => boolean {
  const ids = new Set(resources.flatMap(({ id }) => id ?? []));
  const arns = new Set(
    resources.flatMap(({ outputs }) =>
      Object.values(outputs ?? {}).filter((value): value is string => /^arn:/.test(String(value))),
    ),
  );
  return (arn) => arns.has(arn) || ids.has(lastPart(arn));
}
