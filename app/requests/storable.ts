/**
 * Looks for text that Postgres cannot keep in jsonb: the character U+0000 and halves of surrogate pairs.
 *
 * @returns what is wrong, or `undefined`
 */
export function findUnstorable(value: unknown): string | undefined {
  const open = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === "object" && next !== null) {
      for (const [key, member] of Object.entries(next)) open.push(key, member);
      continue;
    }
    if (typeof next !== "string") continue;
    if (next.includes("\0")) return "holds the character U+0000, which cannot be kept; remove it";
    if (!next.isWellFormed()) return "holds half a surrogate pair, which cannot be kept; send valid Unicode";
  }
  return undefined;
}

/** Whether lists and objects lie in each other more than so many levels deep: code that walks them by calling itself would fail. */
export function isNestedDeeper(value: unknown, levels: number): boolean {
  let open = [value];
  for (let level = 0; open.length > 0; level += 1) {
    const below: unknown[] = [];
    for (const one of open) {
      if (typeof one !== "object" || one === null) continue;
      if (level === levels) return true;
      for (const member of Array.isArray(one) ? (one as unknown[]) : Object.values(one)) {
        if (typeof member === "object") below.push(member);
      }
    }
    open = below;
  }
  return false;
}
