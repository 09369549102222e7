import { COLUMNS } from "./terminal.ts";

const [CELL, LINE, MARGIN] = [8.4, 18, 16];
const [GROUND, TEXT, TYPED] = ["#0d1117", "#d1d7e0", "#7ee787"];

/**
 * A screen as a picture. Each line has the width of its characters, whatever font shows it.
 *
 * @throws Error where a line has an escape: none of ours writes colours, and a picture must not leave any out
 */
export function svgOf(lines: readonly string[]): string {
  const [width, height] = [COLUMNS * CELL + 2 * MARGIN, lines.length * LINE + 2 * MARGIN];
  const texts = lines.flatMap((line, at) => (line.trim() === "" ? [] : [textOf(line, MARGIN + (at + 0.75) * LINE)]));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<rect width="100%" height="100%" rx="8" fill="${GROUND}"/>`,
    `<g font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">`,
    ...texts,
    "</g>\n</svg>\n",
  ].join("\n");
}

function textOf(line: string, y: number): string {
  if (line.includes("\u001b")) throw new Error(`a line has an escape, which no picture shows: ${JSON.stringify(line)}`);
  const indent = line.length - line.trimStart().length;
  const text = line.trim();
  const place = `x="${number(MARGIN + indent * CELL)}" y="${number(y)}" textLength="${number(text.length * CELL)}"`;
  const colour = line.startsWith("$ ") ? TYPED : TEXT;
  return `<text xml:space="preserve" lengthAdjust="spacingAndGlyphs" fill="${colour}" ${place}>${escaped(text)}</text>`;
}

const number = (value: number) => String(Math.round(value * 10) / 10);

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
