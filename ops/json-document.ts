/** What a command says with `--json`: one document. */
export function document(content: unknown): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/**
 * Whether whoever called wants that, where the words could not be read: in `--stack --json`, of which the name is missing, it counts too.
 *
 * @param words as the process got them
 */
export function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return (end < 0 ? words : words.slice(0, end)).some((word) => word === "--json" || word.startsWith("--json="));
}
