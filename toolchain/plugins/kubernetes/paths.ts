import type { Path } from "./wire.ts";

/** A path as programs write it for `ignoreChanges`: `spec.replicas`, `metadata.annotations["a.b/c"]`, `spec.ports[0]`. */
export function parsePath(text: string): Path {
  const steps = text.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g);
  return [...steps].map(([, index, quoted, plain]) =>
    index === undefined ? (quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "") : Number(index),
  );
}
