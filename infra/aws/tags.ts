import type { AppEnvironment } from "../../configs/runtime.ts";

/** Tags of AWS, by key. */
export type Tags = Readonly<Record<string, string>>;

/** Prefix of tags that say whose a resource is; a stack's file gives none of them. */
export const TAG_PREFIX = "slipway:";

/** Tag by which costs of one stack are told from those of another. Activate it once as a cost allocation tag. */
export const STACK_TAG = `${TAG_PREFIX}stack`;

export interface StackTagsArgs {
  readonly stack: string;
  readonly environment: AppEnvironment;
  /** The team's own, `aws.tags` of the stack's file: a cost centre, an owner. @default none */
  readonly own?: Tags;
}

/** Tags of every resource of a stack. */
export function stackTags({ stack, environment, own = {} }: StackTagsArgs): Tags {
  return {
    ...own,
    [STACK_TAG]: stack,
    [`${TAG_PREFIX}environment`]: environment,
    [`${TAG_PREFIX}managed-by`]: "pulumi",
  };
}
