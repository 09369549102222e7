import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { cacheDomain } from "../../toolchain/aws/front-cache-clusters.ts";
import { NETWORK } from "../../toolchain/cluster/layout.ts";
import { asNobody, findProgram, runProgram, startProgram, until, type RunningProgram } from "../servers/programs.ts";
import type { ServerFiles, TestAuthority } from "./test-authority.ts";

/**
 * A real Postgres and a real Redis in the place of RDS and ElastiCache, on the address of the machine that pods reach. The names that moto and our
 * handlers give them lead there; their certificates are of the test's own authority.
 */
export interface DataServers {
  /** In the database of the stack, as nobody of it may. */
  connect(): Promise<Client>;
  end(): Promise<void>;
}

export interface DataServersOptions {
  readonly authority: TestAuthority;
  readonly region: string;
  /** `slipway:redisPassword` of the stack. */
  readonly redisPassword: string;
}

/** Those that RDS and ElastiCache have: the stack asks for no others. */
const PORTS = { postgres: 5432, redis: 6379 } as const;

/** What moto keeps in the secret of every master user, whatever its name in the request is. */
const MASTER = { name: "admin", password: "P@55w0rd!" } as const;

/** As RDS' master user: it makes roles and databases, and is no superuser. */
const ROLES = [
  `CREATE ROLE ${MASTER.name} LOGIN CREATEROLE CREATEDB PASSWORD '${MASTER.password}'`,
  `CREATE DATABASE slipway OWNER ${MASTER.name}`,
];

export async function startDataServers(options: DataServersOptions): Promise<DataServers> {
  const postgres = await startPostgres(options);
  try {
    const redis = await startRedis(options);
    return {
      connect: () => postgres.connect(),
      end: async () => {
        await redis();
        await postgres.end();
      },
    };
  } catch (error) {
    await postgres.end();
    throw error;
  }
}

type End = () => Promise<void>;

async function startPostgres({ authority, region }: DataServersOptions): Promise<DataServers> {
  const folder = makeFolder("postgres");
  const { cert, key } = ownFiles(folder, authority.sign("rds", [`DNS:*.aaaaaaaaaa.${region}.rds.amazonaws.com`]));
  const data = join(folder, "data");
  runProgram([...asNobody(), findProgram("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]);
  // As with `rds.force_ssl`: nobody comes in clear, nor without a password.
  writeFileSync(join(folder, "hba"), `local all postgres trust\nhostssl all all ${NETWORK.pods} scram-sha-256\n`);
  const settings = [
    ...[`listen_addresses=${NETWORK.machine}`, `hba_file=${join(folder, "hba")}`, "max_connections=200", "fsync=off"],
    ...["ssl=on", `ssl_cert_file=${cert}`, `ssl_key_file=${key}`],
  ];
  const server = startProgram([
    ...[...asNobody(), findProgram("postgres"), "-D", data, "-p", String(PORTS.postgres), "-k", folder],
    ...settings.flatMap((setting) => ["-c", setting]),
  ]);
  const end = await once(server, folder, async () => {
    await listens(server, PORTS.postgres);
    await makeRoles(folder);
  });
  const connectHere = async () => {
    const client = new Client({ host: folder, port: PORTS.postgres, user: "postgres", database: "slipway" });
    await client.connect();
    return client;
  };
  return { connect: connectHere, end };
}

async function makeRoles(host: string): Promise<void> {
  const options = { host, port: PORTS.postgres, user: "postgres", database: "postgres" };
  let client = new Client(options);
  // Its port is open before it takes anybody.
  await until("Postgres takes connections", async () => {
    client = new Client(options);
    return client.connect().then(
      () => true,
      () => false,
    );
  });
  try {
    for (const statement of ROLES) await client.query(statement);
  } finally {
    await client.end();
  }
}

async function startRedis({ authority, region, redisPassword }: DataServersOptions): Promise<End> {
  const folder = makeFolder("redis");
  const { cert, key } = ownFiles(folder, authority.sign("elasticache", [`DNS:*.${cacheDomain(region)}`]));
  const tls = ["--port", "0", "--tls-port", String(PORTS.redis), "--tls-cert-file", cert, "--tls-key-file", key];
  const access = ["--bind", NETWORK.machine, "--tls-auth-clients", "no", "--requirepass", redisPassword];
  const kept = ["--dir", folder, "--save", "", "--maxmemory-policy", "noeviction"];
  const server = startProgram([...asNobody(), findProgram("redis-server"), ...tls, ...access, ...kept]);
  return once(server, folder, () => listens(server, PORTS.redis));
}

/** Both programs run as nobody, and read no key that anybody else owns. */
function makeFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `slipway-${name}-`));
  own(folder);
  return folder;
}

function ownFiles(folder: string, files: ServerFiles): ServerFiles {
  const copies = { cert: join(folder, "server.crt"), key: join(folder, "server.key") };
  for (const name of ["cert", "key"] as const) {
    copyFileSync(files[name], copies[name]);
    chmodSync(copies[name], 0o600);
    own(copies[name]);
  }
  return copies;
}

function own(path: string): void {
  if (process.getuid?.() === 0) chownSync(path, 65_534, 65_534);
}

async function listens(server: RunningProgram, port: number): Promise<void> {
  const ended = server.ended.then(() => {
    throw new Error(`a server for ${NETWORK.machine}:${port} has ended: ${server.output()}`);
  });
  await Promise.race([until(`port ${port} is open`, () => isOpen(port)), ended]);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, NETWORK.machine, () => {
      socket.destroy();
      resolve(true);
    }).on("error", () => {
      resolve(false);
    });
  });
}

/** How to end a server, once it is ready; one that does not become so is ended at once. */
async function once(server: RunningProgram, folder: string, ready: () => Promise<void>): Promise<End> {
  const end = async () => {
    await server.stop("SIGINT");
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready();
    return end;
  } catch (error) {
    await end();
    throw error;
  }
}
