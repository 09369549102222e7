/** A text as code, whatever is in it: no mention, no markup, and no end before its own. */
export function code(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  const gap = line.startsWith("`") || line.endsWith("`") ? " " : "";
  return `${fence}${gap}${line}${gap}${fence}`;
}

/** Most characters of a comment or an issue that GitHub takes. */
export const GITHUB_LIMIT = 65_536;

/** Lines below a heading, of which some may be left out. */
export interface Section {
  /** Stays whole. */
  readonly head: string;
  readonly lines: readonly string[];
  /** Says how many were left out, and where they are. */
  readonly leftOut: (count: number) => string;
}

/**
 * Sections in one text that GitHub takes. What is too long loses lines of its longest section first, from the end, and says so.
 *
 * @param head what stands before all of them
 */
export function fitted(head: string, sections: readonly Section[], limit = GITHUB_LIMIT): string {
  const kept = sections.map(({ lines }) => lines.length);
  const length = sections.map((section) => lengthOf(section));
  const write = () =>
    [head, ...sections.map((section, at) => written(section, kept[at] ?? 0))].filter((text) => text !== "").join("\n");
  let text = write();
  while (text.length > limit && kept.some((count) => count > 0)) {
    let over = text.length - limit;
    while (over > 0 && kept.some((count) => count > 0)) {
      const at = longest(length, kept);
      const cut = (sections[at]?.lines[(kept[at] ?? 0) - 1]?.length ?? 0) + 1;
      kept[at] = (kept[at] ?? 0) - 1;
      length[at] = (length[at] ?? 0) - cut;
      over -= cut;
    }
    text = write();
  }
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

function lengthOf({ lines }: Section): number {
  return lines.reduce((sum, line) => sum + line.length + 1, 0);
}

function longest(lengths: readonly number[], kept: readonly number[]): number {
  return lengths.reduce(
    (best, length, at) => ((kept[at] ?? 0) > 0 && (best < 0 || length > (lengths[best] ?? 0)) ? at : best),
    -1,
  );
}

function written({ head, lines, leftOut }: Section, kept: number): string {
  const missing = lines.length - kept;
  return [head, ...lines.slice(0, kept), ...(missing > 0 ? [leftOut(missing)] : [])].join("\n");
}
