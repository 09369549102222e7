/** Columns that the last cell of a line needs to be folded within: narrower it would be a tower of words. */
const LEAST = 24;

/** Where the last cell of a line begins, which at least two spaces part from what is before it. */
const LAST_CELL = /^.*\S {2,}(?=\S)/;

/** What people copy from a line. */
const COMMAND = /\.\/slipway|\bpulumi |\bmake /;

/**
 * Text as a terminal shows it: a line that is too long is broken between words, one with cells goes on below its last cell, or is cut
 * where that has no room. Prose with a command is left as it is, so that the command can be copied.
 */
export function fold(text: string, columns: number): string {
  return text
    .split("\n")
    .map((line) => (line.length <= columns ? line : foldLine(line, columns)))
    .join("\n");
}

function foldLine(line: string, columns: number): string {
  const cells = LAST_CELL.exec(line)?.[0].length;
  if (cells === undefined && COMMAND.test(line)) return line;
  const start = cells ?? line.length - line.trimStart().length;
  const width = columns - start;
  if (width < LEAST) return `${line.slice(0, columns - 1)}…`;
  const rows: string[] = [];
  for (const word of line.slice(start).split(" ")) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) rows[rows.length - 1] = `${last} ${word}`;
    else rows.push(word);
  }
  return line.slice(0, start) + rows.join(`\n${" ".repeat(start)}`);
}
