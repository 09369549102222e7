import { Container, Volume } from "@pulumi/docker";
import { interpolate, type ComponentResource, type Input, type Output } from "@pulumi/pulumi";
import { hardened } from "./container.ts";
import { labels, SERVICE_LABEL } from "./labels.ts";
import type { Networks } from "./network.ts";

export interface EdgeArgs {
  readonly image: Input<string>;
  readonly networks: Networks;
  /** Address of this host that the port is published on. */
  readonly address: string;
  readonly port: number;
  readonly parent: ComponentResource;
}

export interface Edge {
  readonly id: Output<string>;
  readonly url: Output<string>;
}

/** User of the image, as its Dockerfile makes it, and the port that nginx listens on inside. */
const UID = 10_005;
const INNER_PORT = 8080;

/** nginx, the only container with a published port. Which release it sends requests to is said by links on its volume. */
export function edge(args: EdgeArgs): Edge {
  const { parent, networks } = args;
  const state = new Volume("edge", { labels: labels({ [SERVICE_LABEL]: "edge" }) }, { parent });
  const container = new Container(
    "edge",
    {
      ...hardened({
        service: "edge",
        image: args.image,
        uid: UID,
        limits: { memoryMiB: 128, cpus: 1 },
        volumes: [{ volume: state.name, folder: "/var/lib/edge", access: "write" }],
        networks: [{ name: networks.outer }, { name: networks.inner, aliases: ["edge"] }],
        health: {
          command: ["/usr/local/bin/healthy"],
          intervalSeconds: 5,
          timeoutSeconds: 4,
          retries: 3,
          startSeconds: 20,
        },
      }),
      ports: [{ internal: INNER_PORT, external: args.port, ip: args.address, protocol: "tcp" }],
      restart: "unless-stopped",
      stopSignal: "SIGQUIT", // nginx: finish what is in flight
      destroyGraceSeconds: 30,
    },
    { parent, deleteBeforeReplace: true },
  );
  return { id: container.id, url: interpolate`http://${reachable(args.address)}:${args.port}` };
}

function reachable(address: string): string {
  return address === "0.0.0.0" ? "127.0.0.1" : address;
}
