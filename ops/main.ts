import { COMMANDS } from "./command-table.ts";
import { completion } from "./completion.ts";
import { asksForJson, document } from "./json-document.ts";

type Name = keyof typeof COMMANDS;

const WRONG_USAGE = 2;

function isName(word: string | undefined): word is Name {
  return word !== undefined && Object.hasOwn(COMMANDS, word);
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { what }]) => `  ${name.padEnd(9)} ${what}\n`);
  return `slipway <command>: day two of a stack.\n\nCommands\n${lines.join("")}\nOf one: ./slipway backup --help. In bash: eval "$(./slipway completion)". All of it: docs/deploys.md, docs/previews.md, docs/day-two.md, docs/backups.md, docs/rotation.md\n`;
}

const [word] = process.argv.slice(2);
if (isName(word)) await (await COMMANDS[word].load()).run();
else if (word === "--help" || word === "-h" || word === "help") process.stdout.write(overview());
else if (word === "completion") process.stdout.write(completion(Object.keys(COMMANDS)));
else {
  const failure = word === undefined ? "" : `There is no command ${JSON.stringify(word)}.`;
  const command = word?.startsWith("-") === true ? undefined : word;
  if (asksForJson(process.argv)) process.stdout.write(document({ command, exitCode: WRONG_USAGE, failure }));
  process.stderr.write(`${failure === "" ? "" : `${failure}\n\n`}${overview()}`);
  process.exitCode = WRONG_USAGE;
}
