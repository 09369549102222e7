import type { Plugin } from "esbuild";
import { readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import ts from "typescript";
import { ROOT } from "../../toolchain/folders.ts";

/** Files whose every `await` is a place to die, before it and after it. */
export const CRASH_FILES = [
  "jobs/hand-off.ts",
  "jobs/relay.ts",
  "jobs/reconciler.ts",
  "jobs/wake.ts",
  "jobs/maintenance.ts",
  "jobs/worker-lease.ts",
  "jobs/attempts.ts",
  "jobs/store.ts",
  "jobs/batches.ts",
  "app/routes/create-job.ts",
  "app/routes/batches.ts",
  "worker/bundles.ts",
  "worker/create-workers.ts",
  "worker/run-attempt.ts",
] as const;
export type CrashFile = (typeof CRASH_FILES)[number];

/** Points of a file: name of the file, line of the `await`, side of it. */
export function crashPoints(file: CrashFile): string[] {
  return instrument(file, readFileSync(join(ROOT, file), "utf8")).points.flatMap((point) => [
    `${point}:before`,
    `${point}:after`,
  ]);
}

/** A source with a call on both sides of every `await`: `await x` becomes `after("p", (before("p"), await x))`. */
export function instrument(path: string, source: string): { readonly code: string; readonly points: string[] } {
  const tree = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const edits: { readonly at: number; readonly text: string; readonly depth: number }[] = [];
  const points: string[] = [];
  const visit = (node: ts.Node, depth: number): void => {
    if (ts.isAwaitExpression(node)) {
      const start = node.getStart(tree);
      const line = tree.getLineAndCharacterOfPosition(start).line + 1;
      const same = points.filter((point) => point.startsWith(`${basename(path)}:${line}`)).length;
      const point = `${basename(path)}:${line}${same > 0 ? `.${same}` : ""}`;
      points.push(point);
      const name = JSON.stringify(point);
      edits.push({ at: start, text: `chaosAfter(${name}, (chaosBefore(${name}), `, depth });
      edits.push({ at: node.getEnd(), text: "))", depth: -depth });
    }
    ts.forEachChild(node, (child) => {
      visit(child, depth + 1);
    });
  };
  visit(tree, 1);
  // From the end, so that positions stay; at one position the outermost opens first.
  const sorted = edits.toSorted((a, b) => b.at - a.at || b.depth - a.depth);
  let code = source;
  for (const { at, text } of sorted) code = code.slice(0, at) + text + code.slice(at);
  const imported = JSON.stringify(join(import.meta.dirname, "crash-points.ts"));
  return { code: `import { before as chaosBefore, after as chaosAfter } from ${imported};\n${code}`, points };
}

/** For esbuild: changes sources on their way into a bundle; those of {@link CRASH_FILES} get their crash points. */
export function chaosSources(mutate: (file: string, source: string) => string): Plugin {
  const crashing = new Set<string>(CRASH_FILES);
  return {
    name: "slipway-chaos",
    setup(build) {
      build.onLoad({ filter: /[\\/](jobs|app|worker)[\\/].*\.ts$/ }, ({ path }) => {
        const file = relative(ROOT, path);
        if (file === "jobs/kinds-folder.ts" || file.startsWith("..") || file.startsWith("node_modules"))
          return undefined;
        const source = mutate(file, readFileSync(path, "utf8"));
        return { contents: crashing.has(file) ? instrument(file, source).code : source, loader: "ts" };
      });
    },
  };
}
