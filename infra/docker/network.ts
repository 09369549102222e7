import { Network } from "@pulumi/docker";
import type { ComponentResource, Output } from "@pulumi/pulumi";
import { labels } from "./labels.ts";

/** The two networks of a stack. */
export interface Networks {
  /** Data services, API, workers and the edge's inner side: no way out and none in. */
  readonly inner: Output<string>;
  /** The edge's outer side; only its published port comes in here. */
  readonly outer: Output<string>;
}

/** Makes the isolated bridge network of a stack and the one that its edge is published through. */
export function networks(parent: ComponentResource): Networks {
  const inner = new Network("inner", { driver: "bridge", internal: true, labels: labels() }, { parent });
  const outer = new Network("outer", { driver: "bridge", labels: labels() }, { parent });
  return { inner: inner.name, outer: outer.name };
}
