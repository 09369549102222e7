import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../folders.ts";

/** What programs import of the SDK, such as `ec2/vpc`: each is a resource or a function of the plugin. */
function imported(): string[] {
  const sources = globSync("{infra,stacks}/**/*.ts", { cwd: ROOT }).filter((path) => !path.endsWith(".test.ts"));
  const texts = sources.map((path) => readFileSync(join(ROOT, path), "utf8"));
  const paths = texts.flatMap((text) => [...text.matchAll(/^import (?!type).*"@pulumi\/aws\/(\w+\/\w+)\.js";$/gm)]);
  return [...new Set(paths.map(([, path]) => path ?? ""))].sort();
}

/** What the plugin that is built here has, by the table's `resource("ec2", "Vpc")` and `function("ec2", "getVpc")`. */
function built(): string[] {
  const table = readFileSync(join(ROOT, "toolchain/go/aws/table.go"), "utf8");
  const rows = [...table.matchAll(/^\t\t"aws_\w+":\s.*(?:resource|function)\("(\w+)", "(\w+)"/gm)];
  return rows.map(([, module = "", name = ""]) => `${module}/${name.charAt(0).toLowerCase()}${name.slice(1)}`).sort();
}

test("the plugin has every resource and function that the program uses, and no other", () => {
  expect(imported().length).toBeGreaterThan(50);
  expect(built()).toEqual(imported());
});
