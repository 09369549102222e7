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

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/** The same of JSON that was not parsed yet: the parser takes a hundred times as long for what is nested without end. */
export function isTextNestedDeeper(json: Buffer, levels: number): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) at = endOfString(json, at);
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
    if (depth > levels) return true;
  }
  return false;
}

/** Place of the quote that ends a string, or the end of the text. */
function endOfString(json: Buffer, start: number): number {
  let end = json.indexOf(QUOTE, start + 1);
  while (end > 0) {
    let slashes = 0;
    while (json[end - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return end;
    end = json.indexOf(QUOTE, end + 1);
  }
  return json.length;
}
