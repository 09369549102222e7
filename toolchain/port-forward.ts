import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { DiscoveryV1Api, PortForward, type KubeConfig } from "@kubernetes/client-node";
import { UserError } from "./command.ts";

export interface ForwardArgs {
  readonly config: KubeConfig;
  readonly namespace: string;
  readonly service: string;
  /** Port of the service. */
  readonly port: number;
  /** Port of this machine's loopback address. @default any that is free */
  readonly localPort?: number;
}

/** A port of this machine behind which a service of a cluster answers. */
export interface Forwarded {
  readonly url: string;
  readonly end: () => Promise<void>;
}

/**
 * Listens on loopback, and passes each connection on to a ready pod of the service through the cluster's API server, as kubectl
 * port-forward does. Other than there a pod that goes takes only its own connections along.
 *
 * @throws UserError where the port is taken, or no pod is ready
 */
export async function forwardPort(args: ForwardArgs): Promise<Forwarded> {
  await readyPods(args);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => open.delete(socket));
    passOn(socket, args).catch(() => socket.destroy());
  });
  const port = await listen(server, args.localPort ?? 0);
  return {
    url: `http://127.0.0.1:${port}`,
    end: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

async function passOn(socket: Socket, args: ForwardArgs): Promise<void> {
  const pods = await readyPods(args);
  const pod = pods[Math.floor(Math.random() * pods.length)];
  if (pod === undefined) throw new Error("readyPods gives at least one");
  const forward = new PortForward(args.config);
  // Its types are those of a package that this project has no types of.
  const connection: unknown = await forward.portForward(args.namespace, pod.name, [pod.port], socket, null, socket);
  if (!isWebSocket(connection)) throw new Error("@kubernetes/client-node gave no connection");
  connection.once("close", () => socket.destroy());
  socket.once("close", () => {
    connection.close();
  });
  if (socket.destroyed) connection.close();
}

interface WebSocketLike {
  readonly once: (event: "close", listener: () => void) => unknown;
  readonly close: () => void;
}

function isWebSocket(value: unknown): value is WebSocketLike {
  return typeof value === "object" && value !== null && "once" in value && "close" in value;
}

interface ReadyPod {
  readonly name: string;
  readonly port: number;
}

/** @throws UserError where there is none, with what to look at */
export async function readyPods({ config, namespace, service, port }: ForwardArgs): Promise<ReadyPod[]> {
  const labelSelector = `kubernetes.io/service-name=${service}`;
  const { items } = await config
    .makeApiClient(DiscoveryV1Api)
    .listNamespacedEndpointSlice({ namespace, labelSelector });
  const ready = items.flatMap(({ endpoints, ports }) =>
    (endpoints ?? []).flatMap(({ conditions, targetRef }) =>
      conditions?.ready === true && targetRef?.name !== undefined
        ? [{ name: targetRef.name, port: ports?.[0]?.port ?? port }]
        : [],
    ),
  );
  if (ready.length > 0) return ready;
  throw new UserError(
    `No pod of service ${service} in namespace ${namespace} is ready. See: kubectl get pods --namespace ${namespace}`,
  );
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        new UserError(`127.0.0.1:${port} cannot be listened on: ${error.code ?? error.message}. Name another port.`),
      );
    });
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}
