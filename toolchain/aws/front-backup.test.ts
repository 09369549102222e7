import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startFront, type Front } from "./front.ts";

/** What AWS' SDK for Go sends; moto gets the rest. */
describe("AWS Backup", () => {
  let behind: Server;
  let front: Front;
  let seen: string[];
  beforeEach(async () => {
    seen = [];
    behind = createServer((request, response) => {
      seen.push(`${request.method ?? ""} ${request.url ?? ""}`);
      request.resume();
      response.writeHead(200, { "content-type": "application/json" }).end('{"moto":true}');
    });
    await new Promise<void>((resolve) => behind.listen(0, "127.0.0.1", resolve));
    front = await startFront(`http://127.0.0.1:${(behind.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    await front.close();
    behind.closeAllConnections();
    await new Promise((resolve) => behind.close(resolve));
  });

  type Answer = Readonly<Record<string, unknown>> & { readonly error: string | null };
  const ask = async (method: string, path: string, body?: object, region = "eu-central-1"): Promise<Answer> => {
    const answer = await fetch(`${front.url}${path}`, {
      ...{ method, body: body === undefined ? null : JSON.stringify(body) },
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=k/20260101/${region}/backup/aws4_request` },
    });
    return { ...((await answer.json()) as object), error: answer.headers.get("x-amzn-errortype") };
  };

  const PLAN = {
    BackupPlanName: "backup-database",
    Rules: [{ RuleName: "daily", Lifecycle: { DeleteAfterDays: 35 } }],
  };
  const makePlan = async () => {
    const made = await ask("PUT", "/backup/plans", { BackupPlan: PLAN, BackupPlanTags: { "slipway:stack": "unit" } });
    return { id: String(made["BackupPlanId"]), arn: String(made["BackupPlanArn"]) };
  };
  const SELECTION = {
    SelectionName: "backup-database",
    IamRoleArn: "arn:aws:iam::1:role/backup",
    Resources: ["arn:db"],
  };

  it("keeps a plan as it was asked for, and as it was changed to", async () => {
    const { id, arn } = await makePlan();
    expect(arn).toBe(`arn:aws:backup:eu-central-1:123456789012:backup-plan:${id}`);
    expect(await ask("GET", `/backup/plans/${id}/`)).toMatchObject({ BackupPlanId: id, BackupPlan: PLAN });
    const changed = { ...PLAN, Rules: [{ RuleName: "weekly" }] };
    const before = await ask("GET", `/backup/plans/${id}`);
    await ask("POST", `/backup/plans/${id}`, { BackupPlan: changed });
    const after = await ask("GET", `/backup/plans/${id}`);
    expect(after["BackupPlan"]).toEqual(changed);
    expect(after["VersionId"]).not.toBe(before["VersionId"]);
    expect((await ask("PUT", "/backup/plans/", { BackupPlan: PLAN })).error).toBe("AlreadyExistsException");
    expect(await ask("GET", "/backup/plans/")).toMatchObject({ BackupPlansList: [{ BackupPlanId: id }] });
    expect(await ask("GET", "/backup/plans/", undefined, "eu-west-1")).toMatchObject({ BackupPlansList: [] });
    expect(seen).toEqual([]);
  });

  it("forgets a plan once its selections are gone, and not before", async () => {
    const { id } = await makePlan();
    const made = await ask("PUT", `/backup/plans/${id}/selections`, { BackupSelection: SELECTION });
    const selection = `/backup/plans/${id}/selections/${String(made["SelectionId"])}`;
    expect(await ask("GET", selection)).toMatchObject({ BackupPlanId: id, BackupSelection: SELECTION });
    expect(await ask("GET", `/backup/plans/${id}/selections/`)).toMatchObject({
      BackupSelectionsList: [{ SelectionName: "backup-database" }],
    });
    const again = await ask("PUT", `/backup/plans/${id}/selections/`, { BackupSelection: SELECTION });
    expect(again.error).toBe("AlreadyExistsException");
    expect(await ask("DELETE", `/backup/plans/${id}`)).toMatchObject({
      error: "InvalidRequestException",
      message: expect.stringContaining("Related backup plan selections must be deleted prior to backup") as string,
    });
    await ask("DELETE", selection);
    expect((await ask("GET", selection)).error).toBe("ResourceNotFoundException");
    expect((await ask("DELETE", `/backup/plans/${id}`)).error).toBeNull();
    expect((await ask("GET", `/backup/plans/${id}`)).error).toBe("ResourceNotFoundException");
    expect((await ask("GET", selection)).error).toBe("ResourceNotFoundException");
  });

  it("keeps the policy of a vault in its region alone, and finds no backups in it", async () => {
    const path = "/backup-vaults/backup-1/access-policy";
    expect((await ask("GET", path)).error).toBe("ResourceNotFoundException");
    await ask("PUT", path, { Policy: "{}" });
    expect(await ask("GET", path)).toMatchObject({ BackupVaultName: "backup-1", Policy: "{}" });
    expect((await ask("GET", path, undefined, "eu-west-1")).error).toBe("ResourceNotFoundException");
    await ask("DELETE", path);
    expect((await ask("GET", path)).error).toBe("ResourceNotFoundException");
    expect(await ask("GET", "/backup-vaults/backup-1/recovery-points/")).toMatchObject({ RecoveryPoints: [] });
    expect(seen).toEqual([]);
  });

  it("leaves vaults and their locks to moto", async () => {
    expect(await ask("PUT", "/backup-vaults/backup-1", {})).toMatchObject({ moto: true });
    expect(await ask("PUT", "/backup-vaults/backup-1/vault-lock", {})).toMatchObject({ moto: true });
    expect(seen).toEqual(["PUT /backup-vaults/backup-1", "PUT /backup-vaults/backup-1/vault-lock"]);
  });

  it("tells and changes tags of plans, and asks moto for those of vaults as moto reads them", async () => {
    const { arn } = await makePlan();
    const path = encodeURIComponent(arn);
    await ask("POST", `/tags/${path}`, { Tags: { Name: "unit" } });
    await ask("POST", `/untag/${path}`, { TagKeyList: ["slipway:stack"] });
    expect(await ask("GET", `/tags/${path}/`)).toMatchObject({ Tags: { Name: "unit" } });
    expect(await ask("GET", `/tags/${path}`)).toMatchObject({ Tags: { Name: "unit" } });
    expect(seen).toEqual([]);
    const vault = "arn%3Aaws%3Abackup%3Aeu-central-1%3A123456789012%3Abackup-vault%3Abackup-1";
    await ask("GET", `/tags/${vault}`);
    await ask("POST", `/tags/${vault}/`, { Tags: {} });
    expect(seen).toEqual([`GET /tags/${vault}/`, `POST /tags/${vault}`]);
  });
});
