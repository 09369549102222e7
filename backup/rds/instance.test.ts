import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateDBInstanceCommand, DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startFront, type Front } from "../../toolchain/aws/front.ts";
import { startMoto, type Moto } from "../../toolchain/aws/moto.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { createTestLog } from "../../test/servers/stack.ts";
import { TemporaryInstance, type TemporaryArgs } from "./instance.ts";

const SETUP_MS = 300_000;
const TAGS = { "slipway:drill": "prod", "slipway:stack": "prod" };
const credentials = { accessKeyId: "simulated", secretAccessKey: "simulated" };
const clientOf = (endpoint: string) => new RDSClient({ endpoint, region: "eu-central-1", credentials });

const temporary = (client: RDSClient, more: Partial<TemporaryArgs> = {}) =>
  new TemporaryInstance({
    ...{ client, source: "serving", name: "drill", tags: TAGS, log: createTestLog().log },
    ...{ signal: new AbortController().signal, lookMs: 1, ...more },
  });

describe("the temporary instance of a drill, with RDS simulated by moto", () => {
  let moto: Moto;
  let front: Front;
  let client: RDSClient;
  beforeAll(async () => {
    moto = await startMoto(findFolders());
    front = await startFront(moto.url);
    client = clientOf(front.url);
    await make("serving", {});
  }, SETUP_MS);
  afterAll(async () => {
    client.destroy();
    await front.close();
    await moto.end();
  });

  const make = (name: string, tags: Readonly<Record<string, string>>) =>
    client.send(
      new CreateDBInstanceCommand({
        ...{ DBInstanceIdentifier: name, DBInstanceClass: "db.m7g.xlarge", Engine: "postgres", AllocatedStorage: 20 },
        ...{ MasterUsername: "master", MasterUserPassword: "simulated-1", MultiAZ: true },
        // As in prod: a drill's may not have it.
        DeletionProtection: tags["slipway:stack"] === undefined,
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      }),
    );
  const seen = async () => (await client.send(new DescribeDBInstancesCommand({}))).DBInstances ?? [];
  const names = async () => (await seen()).map(({ DBInstanceIdentifier }) => DBInstanceIdentifier).sort();

  it("is made like the one that serves, in one zone, marked, and goes", async () => {
    const instance = temporary(client);
    expect(await instance.remove()).toBe(false);
    const place = await instance.restore();
    expect(place).toEqual({ host: expect.stringMatching(/^drill\./) as string, port: 5432 });
    const made = (await seen()).find(({ DBInstanceIdentifier }) => DBInstanceIdentifier === "drill");
    expect(made).toMatchObject({ DBInstanceClass: "db.m7g.xlarge", MultiAZ: false, PubliclyAccessible: false });
    expect(made?.TagList).toEqual(
      expect.arrayContaining(Object.entries(TAGS).map(([Key, Value]) => ({ Key, Value }))) as unknown,
    );
    expect(await instance.remove()).toBe(true);
    expect(await names()).toEqual(["serving"]);
  });

  it("that one who was killed has left is taken away by the next, and by nobody else", async () => {
    await temporary(client).restore();
    await expect(temporary(client, { tags: { "slipway:drill": "other" } }).remove()).rejects.toThrow(
      /slipway:drill=prod, must have other: it is not a drill's/,
    );
    expect(await names()).toEqual(["drill", "serving"]);
    expect(await temporary(client).remove()).toBe(true);
    expect(await names()).toEqual(["serving"]);
  });

  it("leaves what has its name and no mark alone, also where it has to end at once", async () => {
    await make("drill", { "slipway:stack": "prod" });
    const { log, lines } = createTestLog();
    await temporary(client, { log }).abandon();
    await expect(temporary(client).remove()).rejects.toThrow(/slipway:drill=none/);
    expect(await names()).toEqual(["drill", "serving"]);
    expect(JSON.stringify(lines)).toContain("it is not a drill's");
  });

  it("is refused where the one that serves is gone", async () => {
    await expect(temporary(client, { source: "nobody" }).restore()).rejects.toThrow(/there is no instance nobody/);
  });
});

describe("the temporary instance, before a server that says in what state it is", () => {
  let server: Server;
  let client: RDSClient;
  /** Of the next looks; the last one stays. */
  let states: string[];
  let asked: string[];
  /** What RDS says to a deletion. */
  let deletion: string;
  beforeEach(async () => {
    [states, asked, deletion] = [[], [], ""];
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        const form = new URLSearchParams(body);
        const action = form.get("Action") ?? "";
        asked.push(action);
        const [status, text] = answer(action, form.get("DBInstanceIdentifier") ?? "");
        response.writeHead(status, { "content-type": "text/xml" }).end(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    client = clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    client.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const fault = (code: string): [number, string] => [
    code === "DBInstanceNotFound" ? 404 : 400,
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>simulated</Message></Error></ErrorResponse>`,
  ];

  function answer(action: string, name: string): [number, string] {
    if (action === "DeleteDBInstance" && deletion !== "") return fault(deletion);
    const told = (inner: string): [number, string] => [
      200,
      `<${action}Response><${action}Result>${inner}</${action}Result></${action}Response>`,
    ];
    if (action !== "DescribeDBInstances") return told("");
    const status = name === "serving" ? "available" : ((states.length > 1 ? states.shift() : states[0]) ?? "gone");
    if (status === "gone") return fault("DBInstanceNotFound");
    const tag = "<TagList><Tag><Key>slipway:drill</Key><Value>prod</Value></Tag></TagList>";
    const address = "<Endpoint><Address>drill.test</Address><Port>5432</Port></Endpoint>";
    const state = `<DBInstanceStatus>${status.replace("!", "")}</DBInstanceStatus>`;
    const isPublic = `<PubliclyAccessible>${status.endsWith("!") ? "true" : "false"}</PubliclyAccessible>`;
    return told(`<DBInstances><DBInstance>${tag}${address}${state}${isPublic}</DBInstance></DBInstances>`);
  }

  it("waits until it is available", async () => {
    states = ["creating", "backing-up", "modifying", "available"];
    expect(await temporary(client).restore()).toEqual({ host: "drill.test", port: 5432 });
    expect(asked.filter((action) => action === "DescribeDBInstances")).toHaveLength(5);
  });

  it.each([
    ["incompatible-restore", /is incompatible-restore, must become available/],
    ["storage-full", /is storage-full/],
    ["gone", /is gone; who deleted it/],
    ["available!", /is public, must be reached from the cluster alone/],
  ])("that is %s is a failure at once", async (state, said) => {
    states = ["creating", state];
    await expect(temporary(client).restore()).rejects.toThrow(said);
  });

  it("is asked to go until RDS takes it, and waited for until it is gone", async () => {
    states = ["creating", "creating", "creating", "deleting", "deleting", "gone"];
    deletion = "InvalidDBInstanceState";
    expect(await temporary(client).remove()).toBe(true);
    expect(asked.filter((action) => action === "DeleteDBInstance")).toHaveLength(2);
  });

  it("whose deletion is refused for good is a failure", async () => {
    states = ["available"];
    deletion = "AccessDenied";
    await expect(temporary(client).remove()).rejects.toThrow(/simulated/);
  });

  it("is waited for no longer by one that has to end", async () => {
    states = ["creating"];
    const stopped = new AbortController();
    const waiting = temporary(client, { signal: stopped.signal, lookMs: 60_000 }).restore();
    stopped.abort(new Error("SIGTERM received"));
    await expect(waiting).rejects.toThrow(/aborted/);
    await temporary(client).abandon();
    expect(asked.at(-1)).toBe("DeleteDBInstance");
  });
});
