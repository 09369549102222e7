import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../toolchain/folders.ts";
import { DRIFT_LABEL, publishDrift } from "./drift-issue.ts";
import type { Drift } from "./drift.ts";
import { GitHub, markerOf, placeOf } from "./github.ts";

interface Kept {
  readonly id: number;
  readonly number: number;
  readonly html_url: string;
  body: string;
  title?: string;
  state?: string;
  readonly user: { readonly type: string };
  readonly labels?: readonly string[];
}

const TOKEN = "ghs_Canary";
/** A local server that stands in for GitHub's API: it keeps comments and issues, and pages lists of them. */
let server: Server;
let comments: Kept[];
let issues: Kept[];
let asked: string[];
let refuse: number | undefined;

beforeEach(async () => {
  [comments, issues, asked, refuse] = [[], [], [], undefined];
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://unit");
      asked.push(`${request.method ?? ""} ${url.pathname}`);
      const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
      const status = refuse ?? (isKnown ? 200 : 401);
      const content = text === "" ? {} : (JSON.parse(text) as Partial<Kept>);
      const answer =
        status === 200 ? answered(request.method ?? "", url, content) : { message: "Resource not accessible" };
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
});
afterEach(() => server.close());

function entry(id: number, body: string, type = "Bot"): Kept {
  return { id, number: id, html_url: `https://unit/${id}`, body, user: { type }, state: "open" };
}

function answered(method: string, { pathname, searchParams }: URL, content: Partial<Kept>): unknown {
  const list = /comments/.test(pathname) ? comments : issues;
  const id = Number(/(\d+)$/.exec(pathname)?.[1]);
  if (method === "GET") {
    const [size, page] = [Number(searchParams.get("per_page")), Number(searchParams.get("page"))];
    return list.filter(({ state }) => state === "open").slice((page - 1) * size, page * size);
  }
  if (method === "POST") {
    const made = { ...entry(list.length + 1, content.body ?? ""), ...content };
    list.push(made);
    return made;
  }
  return Object.assign(list.find((one) => one.id === id) ?? {}, content);
}

const api = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const github = (token = TOKEN) => new GitHub({ api: api(), repository: "team/slipway", token });
const BODY = "<!-- slipway:preview -->\n### one";
const label = DRIFT_LABEL;
const drift = (text: string) => `<!-- slipway:drift prod -->\n${text}`;

describe("a comment, on a local stand-in for GitHub", () => {
  it("is made once and then written anew in its place, and left where it is the same", async () => {
    expect(await github().putComment(12, BODY)).toMatchObject({ did: "made" });
    expect(await github().putComment(12, `${BODY}\nmore`)).toMatchObject({ did: "updated" });
    asked = [];
    expect(await github().putComment(12, `${BODY}\nmore`)).toMatchObject({ did: "left" });
    expect(asked).toEqual(["GET /repos/team/slipway/issues/12/comments"]);
    expect(comments.map(({ body }) => body)).toEqual([`${BODY}\nmore`]);
  });

  it("is found behind hundreds of others, and what a person wrote is never touched", async () => {
    comments = Array.from({ length: 250 }, (_, at) =>
      entry(at + 1, at === 3 ? BODY : "hello", at === 3 ? "User" : "Bot"),
    );
    comments.push(entry(251, BODY));
    await github().putComment(12, `${BODY} again`);
    expect(comments.filter(({ body }) => body.endsWith("again")).map(({ id }) => id)).toEqual([251]);
    expect(comments).toHaveLength(251);
  });
});

describe("slipway publish, on a local stand-in for GitHub", () => {
  const publish = (...words: readonly string[]): Promise<{ code: number; said: unknown }> =>
    new Promise((resolve) => {
      const named = { GITHUB_API_URL: api(), GITHUB_REPOSITORY: "team/slipway", GITHUB_TOKEN: TOKEN };
      const args = [join(ROOT, "ops/main.ts"), "publish", "--number", "12", "--json", ...words];
      const child = execFile(process.execPath, args, { env: { ...process.env, ...named } }, (_, stdout) => {
        resolve({ code: child.exitCode ?? 1, said: JSON.parse(stdout) });
      });
    });

  it("puts the text of a file on the pull request, and says where; what GitHub refuses is a failure", async () => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-publish-"));
    const from = join(folder, "comment.md");
    writeFileSync(from, BODY);
    const head = { command: "publish", stack: "dev" };
    expect(await publish("--from", from)).toEqual({
      code: 0,
      said: { ...head, exitCode: 0, result: { did: "made", url: "https://unit/1" } },
    });
    expect(comments.map(({ body }) => body)).toEqual([BODY]);
    expect(asked.at(-1)).toBe("POST /repos/team/slipway/issues/12/comments");
    refuse = 403;
    expect(await publish("--from", from)).toMatchObject({ code: 1, said: { ...head, exitCode: 1 } });
    rmSync(folder, { recursive: true });
  });
});

describe("an issue, on a local stand-in for GitHub", () => {
  it("is opened, written anew, and closed once, with what closed it", async () => {
    expect(await github().putIssue({ title: "Drift of prod", body: drift("a"), label })).toMatchObject({ did: "made" });
    expect(await github().putIssue({ title: "Drift of prod", body: drift("b"), label })).toMatchObject({
      did: "updated",
    });
    expect(issues).toMatchObject([{ title: "Drift of prod", body: drift("b"), labels: [label] }]);
    expect(await github().closeIssue({ body: drift("gone"), label })).toMatchObject({ did: "closed" });
    expect(issues[0]?.state).toBe("closed");
    expect(comments.map(({ body }) => body)).toEqual([drift("gone")]);
    expect(await github().closeIssue({ body: drift("gone"), label })).toEqual({ did: "nothing" });
    // A later drift is another issue.
    expect(await github().putIssue({ title: "Drift of prod", body: drift("c"), label })).toMatchObject({ did: "made" });
  });

  it("is there as long as there is drift", async () => {
    const none: Drift = { stack: "prod", changes: [], unmanaged: [], leftToAutoscalers: [], unseen: [] };
    const some = { ...none, unmanaged: [{ kind: "volume", name: "stray" }] };
    const did: string[] = [];
    for (const one of [none, some, some, none]) did.push((await publishDrift(github(), one)).did);
    expect(did).toEqual(["nothing", "made", "left", "closed"]);
    expect(issues).toMatchObject([{ title: "Drift of prod", state: "closed", labels: [DRIFT_LABEL] }]);
  });

  it("of another stack stays as it is", async () => {
    issues = [entry(1, "<!-- slipway:drift dev -->\nx")];
    await github().putIssue({ title: "Drift of prod", body: drift("a"), label });
    expect(issues.map(({ body }) => body)).toEqual(["<!-- slipway:drift dev -->\nx", drift("a")]);
  });
});

describe("a refusal", () => {
  it.each([
    [401, "not valid any more"],
    [403, "pull-requests: write"],
    [404, "number that of a pull request"],
    [502, "run this again"],
  ])("of %i says what to do, and never the token", async (status, advice) => {
    refuse = status;
    const failure = await github().putComment(12, BODY).then(String, String);
    expect(failure).toContain(`with ${status}: Resource not accessible`);
    expect(failure).toContain(advice);
    expect(failure).not.toContain(TOKEN);
  });

  it("comes before anything is asked where there is no marker, no token or no repository", () => {
    expect(() => markerOf("### a text")).toThrow(/not with a marker/);
    expect(() => placeOf({ GITHUB_REPOSITORY: "../x/y" })).toThrow(/GITHUB_REPOSITORY .* and GITHUB_TOKEN/);
    expect(placeOf({ GITHUB_REPOSITORY: "a/b", GITHUB_TOKEN: "t" })).toMatchObject({ api: "https://api.github.com" });
  });
});
