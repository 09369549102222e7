import fc from "fast-check";
import { expect, test } from "vitest";
import type { ResourceChange } from "./changes.ts";
import { code, fitted, GITHUB_LIMIT, type Section } from "./markdown.ts";
import { PREVIEW_MARKER, previewMarkdown, previewText, type Previewed } from "./preview-markdown.ts";

const change = (name: string, more: Partial<ResourceChange> = {}): ResourceChange => ({
  ...{ op: "update", type: "docker:index/container:Container", name, urn: name, losesData: false, properties: [] },
  ...more,
});
const preview = (stack: string, changes: readonly ResourceChange[]): Previewed => ({
  ...{ stack, isNew: false, isSealed: false, changes, unchanged: 3, policies: [] },
});

test("code stays code, whatever is in it", () => {
  expect(code("a")).toBe("`a`");
  expect(code("@team\n<!-- x -->")).toBe("`@team <!-- x -->`");
  expect(code("a`b")).toBe("``a`b``");
  expect(code("`")).toBe("`` ` ``");
  fc.assert(
    fc.property(fc.string(), (text) => {
      const line = text.replaceAll(/\s+/g, " ");
      const [, fence = ""] = /^(`+)/.exec(code(line.replaceAll("`", "x"))) ?? [];
      expect(fence).toBe(line === "" ? "``" : "`");
    }),
  );
});

test("a comment for all stacks has its marker first, data that is lost in bold, and properties", () => {
  const lost = change("postgres", {
    ...{ op: "replace", losesData: true },
    properties: [{ path: "driver", before: '"local"', after: '"nfs"', replaces: true }],
  });
  const text = previewMarkdown([
    preview("dev", [lost, change("api")]),
    preview("prod", []),
    { stack: "cluster", failure: "error: the cluster's password is canary" },
  ]);
  expect(text.startsWith(`${PREVIEW_MARKER}\n`)).toBe(true);
  expect(text).toContain("| `dev` | 0 | **1** | **1** | 0 | 3 |");
  expect(text).toContain("**Data would be lost: 1 resource.**");
  expect(text).toContain(
    '- **replace `postgres`** (`docker:index/container:Container`): `driver` `"local"` → `"nfs"` **replaces it**',
  );
  expect(text).toContain("Nothing changes.");
  expect(text).toContain("**The preview failed.**");
  expect(text).not.toContain("canary");
});

test("a long one is cut below what GitHub takes, says what is left out, and keeps every stack and what loses data", () => {
  const many = Array.from({ length: 5000 }, (_, at) => change(`resource-${at}`));
  const lost = change("postgres", { op: "delete", losesData: true });
  const text = previewMarkdown([
    preview("dev", [lost, ...many]),
    preview("prod", [change("only")]),
    preview("x", many),
  ]);
  expect(text.length).toBeLessThanOrEqual(GITHUB_LIMIT);
  expect(text.length).toBeGreaterThan(GITHUB_LIMIT - 500);
  for (const part of ["**delete `postgres`**", "update `only`", "#### `x`"]) expect(text).toContain(part);
  const left = [...text.matchAll(/^- … (\d+) lines left out/gm)].map(([, count]) => Number(count));
  const shown = [...text.matchAll(/^- update `resource-/gm)].length;
  expect(left).toHaveLength(2);
  expect(shown + left.reduce((a, b) => a + b, 0)).toBe(10_000);
});

test("whatever is cut, the text is no longer than it may be, and every line is there or counted", () => {
  const lines = fc.array(fc.string({ maxLength: 40 }).map((text) => `- ${text.replaceAll("\n", " ")}`));
  fc.assert(
    fc.property(fc.array(lines, { minLength: 1, maxLength: 4 }), fc.integer({ min: 200, max: 600 }), (all, limit) => {
      const sections: Section[] = all.map((some, at) => ({
        ...{ head: `#### ${at}`, lines: some, leftOut: (count: number) => `${count} left out` },
      }));
      const text = fitted("head", sections, limit);
      expect(text.length).toBeLessThanOrEqual(limit);
    }),
  );
});

test("a terminal gets the same, and the failure's own words", () => {
  const text = previewText([
    preview("dev", [change("data", { op: "delete", losesData: true })]),
    { stack: "cluster", failure: "no kubeconfig" },
  ]);
  expect(text).toContain("dev: 1 to delete, 0 to replace, 0 to update, 0 to create, 3 unchanged");
  expect(text).toContain("DATA LOST: delete data");
  expect(text).toContain("no kubeconfig");
});
