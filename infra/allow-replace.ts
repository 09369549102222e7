import type { ResourceTransformation } from "@pulumi/pulumi";

/** Inputs by which a service itself refuses to delete something. */
const PROTECTIONS = ["deletionProtection", "enableDeletionProtection"] as const;

/** Names what an `up` may replace or delete for this once: logical names with commas or spaces between. */
export const ALLOW_REPLACE = "SLIPWAY_ALLOW_REPLACE";

/** What is named where `pulumi` was called: `SLIPWAY_ALLOW_REPLACE=database pulumi up`. */
export function allowedByCaller(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return (env[ALLOW_REPLACE] ?? "").split(/[\s,]+/).filter((name) => name !== "");
}

/**
 * Takes the protection from resources that the stack's file (`slipway:allowReplace`) or its caller names, on every platform. The engine stops a preview that would
 * replace or delete what is protected; so it goes on with what is named, and with nothing else.
 *
 * @param names logical names, such as `database`; whatever else has that name is not protected and stays as it is
 */
export function allowReplace(names: readonly string[]): ResourceTransformation {
  return ({ name, props, opts }) => {
    if (opts.protect !== true || !names.includes(name)) return undefined;
    const given = props as Readonly<Record<string, unknown>>;
    const lifted = PROTECTIONS.filter((key) => given[key] === true).map((key) => [key, false] as const);
    return { props: { ...given, ...Object.fromEntries(lifted) }, opts: { ...opts, protect: false } };
  };
}
