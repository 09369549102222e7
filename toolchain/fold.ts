/** Columns that the last cell of a line needs to be folded within: narrower it would be a tower of words. */
const LEAST = 24;

/** Where the last cell of a line begins, which at least two spaces part from what is before it. */
const LAST_CELL = /^.*\S {2,}(?=\S)/;

/** What is never broken: a word, or a command that people copy. One of make ends with its variables, others with their sentence. */
const PIECE = /(?:\.\/slipway|\bpulumi|\bkubectl) [^ ]*(?:(?<![.,;:]) [^ ]+)*|\bmake [a-z-]+(?: [A-Z_]+=[^ ]+)*|[^ ]+/g;

/**
 * Text as a terminal shows it: a line that is too long is broken between words, one with cells goes on below its last cell, or is cut
 * where that has no room. A command stays whole, on a line of its own if need be.
 */
export function fold(text: string, columns: number): string {
  return text
    .split("\n")
    .map((line) => (line.length <= columns ? line : foldLine(line, columns)))
    .join("\n");
}

function foldLine(line: string, columns: number): string {
  const start = LAST_CELL.exec(line)?.[0].length ?? line.length - line.trimStart().length;
  const width = columns - start;
  if (width < LEAST) return `${line.slice(0, columns - 1)}…`;
  const rows: string[] = [];
  for (const piece of line.slice(start).match(PIECE) ?? []) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + 1 + piece.length <= width) rows[rows.length - 1] = `${last} ${piece}`;
    else rows.push(piece);
  }
  return line.slice(0, start) + rows.join(`\n${" ".repeat(start)}`);
}
