/** A resource's own name in `urn:pulumi:<stack>::<project>::<types>::<name>`. */
export function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? urn;
}

/** Its own type there, such as `aws:rds/instance:Instance`: the last of those that it stands in. */
export function typeOf(urn: string): string {
  return urn.split("::").at(-2)?.split("$").at(-1) ?? "";
}
