/** Takes the pictures of the terminal that docs show: of a stack of its own on the Docker engine, by what somebody types. `make pictures` */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SCHEMA_LEVEL } from "../../jobs/schema-level.ts";
import { ROOT } from "../../toolchain/folders.ts";
import { migrationFile } from "../e2e/migration-file.ts";
import { makeOpsStack, type OpsStack } from "../e2e/ops-stack.ts";
import { homeIn } from "../e2e/running.ts";
import { overlaid, shippedProd, usersOwn } from "../pulumi/prod-file.ts";
import { svgOf } from "./svg.ts";
import { Terminal } from "./terminal.ts";

const STACK = "demo";
const ON_STACK = `--stack ${STACK}`;

/** The home that a user has stands in the place of the one of the moment: no path of one machine is in a picture. */
const HOME = [/\S*\/home\/state\//g, "~/.local/state/"] as const;

function keep(name: string, lines: readonly string[]): void {
  const shown = lines.map((line) => line.replaceAll(...HOME));
  writeFileSync(join(ROOT, "docs/pictures", `${name}.svg`), svgOf(shown));
  process.stderr.write(`docs/pictures/${name}.svg\n`);
}

/** A second release, with a migration. */
function edit({ checkout }: OpsStack): void {
  checkout.release("0.1.0", "0.2.0");
  const level = SCHEMA_LEVEL + 1;
  checkout.write(
    `jobs/migrations/${migrationFile(level, "notes")}`,
    "-- phase: expand\nALTER TABLE jobs ADD COLUMN note text NOT NULL DEFAULT '';\n",
  );
  checkout.edit("jobs/schema-level.ts", `= ${SCHEMA_LEVEL};`, `= ${level};`);
}

/** The shipped one, with what is a user's own. */
function prodFile(): string {
  const lines = Object.entries(overlaid(shippedProd(), usersOwn({ caBundle: "rds.pem" })));
  return `config:\n${lines.map(([key, value]) => `  slipway:${key}: ${JSON.stringify(value)}\n`).join("")}`;
}

async function take(stack: OpsStack, terminal: Terminal): Promise<void> {
  stack.checkout.write("Pulumi.prod.yaml", prodFile());
  keep("cost", await terminal.ran("./slipway cost --stack prod --jobs-per-month 2000000"));
  await terminal.ran(`./slipway deploy --init --yes ${ON_STACK}`);
  edit(stack);
  await terminal.type(`./slipway deploy --yes ${ON_STACK}`);
  keep("deploy-under-way", await terminal.shows(/… Deploy .*creating (the new )?api/));
  keep("deploy", (await terminal.shows(/\n\$$/)).slice(0, -1));
  keep("status", await terminal.ran(`./slipway status ${ON_STACK}`));
  keep("health", await terminal.ran(`./slipway health ${ON_STACK}`));
  await terminal.ran(`./slipway rollback --yes --no-backup ${ON_STACK}`);
  keep("releases", await terminal.ran(`./slipway releases ${ON_STACK}`));
}

const stack = await makeOpsStack("", STACK);
const terminal = await Terminal.open(stack.checkout.folder, homeIn(join(stack.checkout.folder, "home")));
try {
  await take(stack, terminal);
} finally {
  await terminal.close();
  await stack.remove();
}
