import { dirname } from "node:path";
import { Client } from "pg";
import { asNobody, findProgram, freePort, startProgram, until } from "../servers/programs.ts";

/** Database of the product. */
export const DATABASE = "slipway";

/** A cluster to look into. */
export interface OpenCluster {
  readonly port: number;
  readonly client: Client;
  close(): Promise<void>;
}

/** Starts a cluster on a data directory; it archives nothing. */
export async function openCluster(data: string): Promise<OpenCluster> {
  const port = await freePort();
  const socket = dirname(data);
  const settings = ["listen_addresses=127.0.0.1", "archive_mode=off", "shared_buffers=16MB", "fsync=off"];
  const server = startProgram([
    ...[...asNobody(), findProgram("postgres"), "-D", data, "-p", String(port), "-k", socket],
    ...settings.flatMap((setting) => ["-c", setting]),
  ]);
  await until("the restored Postgres accepts connections", () => accepts(socket, port));
  const client = await connectTo(socket, port, DATABASE);
  return {
    port,
    client,
    close: async () => {
      await client.end();
      await server.stop("SIGINT");
    },
  };
}

export async function connectTo(host: string, port: number, database: string): Promise<Client> {
  const client = new Client({ host, port, user: "postgres", database });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export function accepts(host: string, port: number): Promise<boolean> {
  return connectTo(host, port, "postgres").then(
    async (client) => {
      await client.end();
      return true;
    },
    () => false,
  );
}
