import { parseJson } from "../configs/json.ts";
import { z } from "zod";
import { UserError } from "../toolchain/command.ts";

/** Where comments and issues go, and as whom. */
export interface GitHubPlace {
  /** Such as `https://api.github.com`. */
  readonly api: string;
  /** `owner/name` */
  readonly repository: string;
  readonly token: string;
}

/** What a run of GitHub Actions says in its environment. @throws UserError with what is missing */
export function placeOf(env: Readonly<Record<string, string | undefined>>): GitHubPlace {
  const {
    GITHUB_API_URL: api = "https://api.github.com",
    GITHUB_REPOSITORY: repository = "",
    GITHUB_TOKEN: token = "",
  } = env;
  const missing = [
    ...(/^[\w.-]+\/[\w.-]+$/.test(repository) ? [] : ["GITHUB_REPOSITORY (owner/name)"]),
    ...(token === "" ? ["GITHUB_TOKEN (with pull-requests: write, or issues: write)"] : []),
  ];
  if (missing.length > 0)
    throw new UserError(
      `The environment lacks ${missing.join(" and ")}; a step of GitHub Actions sets them by env.`,
      2,
    );
  return { api, repository, token };
}

/** What came of putting something where it belongs. */
export interface Put {
  readonly did: "made" | "updated" | "left" | "closed" | "nothing";
  readonly url?: string;
}

const entrySchema = z.looseObject({
  number: z.number().optional(),
  id: z.number(),
  html_url: z.string(),
  body: z.string().nullish(),
  /** Of an app, such as the one of Actions: what people wrote is never touched. */
  user: z.looseObject({ type: z.string() }).nullish(),
  pull_request: z.unknown().optional(),
});
type Entry = z.infer<typeof entrySchema>;

/** Entries of one page; GitHub gives no more. */
const PAGE = 100;

/** One comment of a pull request and one issue of a stack, each found again by the marker in its first line. */
export class GitHub {
  readonly #place: GitHubPlace;

  constructor(place: GitHubPlace) {
    this.#place = place;
  }

  /** Writes a comment, or the one with its marker anew. */
  async putComment(pullRequest: number, body: string): Promise<Put> {
    const path = `issues/${pullRequest}/comments`;
    const found = await this.#find(path, markerOf(body));
    if (found === undefined) return made(await this.#ask("POST", path, { body }));
    return this.#update(`issues/comments/${found.id}`, found, { body });
  }

  /** Opens an issue, or writes the open one with its marker anew. */
  async putIssue({ title, body, label }: { title: string; body: string; label: string }): Promise<Put> {
    const found = await this.#findIssue(label, markerOf(body));
    if (found === undefined) return made(await this.#ask("POST", "issues", { title, body, labels: [label] }));
    return this.#update(`issues/${found.number ?? 0}`, found, { title, body });
  }

  /** Closes the open issue with the marker, where there is one, and writes why. */
  async closeIssue({ body, label }: { body: string; label: string }): Promise<Put> {
    const found = await this.#findIssue(label, markerOf(body));
    if (found === undefined) return { did: "nothing" };
    const path = `issues/${found.number ?? 0}`;
    await this.#ask("POST", `${path}/comments`, { body });
    await this.#ask("PATCH", path, { state: "closed", state_reason: "completed" });
    return { did: "closed", url: found.html_url };
  }

  #findIssue(label: string, marker: string): Promise<Entry | undefined> {
    return this.#find(`issues?state=open&labels=${encodeURIComponent(label)}`, marker);
  }

  async #find(path: string, marker: string): Promise<Entry | undefined> {
    for (let page = 1; ; page++) {
      const query = `${path.includes("?") ? "&" : "?"}per_page=${PAGE}&page=${page}`;
      const entries = z.array(entrySchema).parse(await this.#ask("GET", path + query));
      const found = entries.find(
        ({ body, user, pull_request: pull }) =>
          user?.type === "Bot" && pull === undefined && (body ?? "").split(/\r?\n/)[0] === marker,
      );
      if (found !== undefined || entries.length < PAGE) return found;
    }
  }

  async #update(path: string, found: Entry, content: { readonly title?: string; readonly body: string }): Promise<Put> {
    const isSame = (found.body ?? "").replaceAll("\r\n", "\n").trimEnd() === content.body.trimEnd();
    if (!isSame) await this.#ask("PATCH", path, content);
    return { did: isSame ? "left" : "updated", url: found.html_url };
  }

  /** @throws UserError with what GitHub says, never with the token */
  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const { api, repository, token } = this.#place;
    const response = await fetch(`${api}/repos/${repository}/${path}`, {
      method,
      headers: {
        ...{ accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" },
        ...{ authorization: `Bearer ${token}`, "user-agent": "slipway", "content-type": "application/json" },
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (response.ok) return JSON.parse(text);
    throw new UserError(
      `GitHub answered ${method} ${repository}/${path} with ${response.status}: ${messageOf(text)}. ${ADVICE[response.status] ?? "See https://www.githubstatus.com, and run this again."}`,
    );
  }
}

const ADVICE: Readonly<Record<number, string>> = {
  401: "The token is not valid any more.",
  403: "Give the job pull-requests: write for comments, issues: write for issues. A pull request from a fork has neither.",
  404: "Is the number that of a pull request of this repository, and may the token see it?",
  410: "Issues are switched off in this repository's settings.",
};

function messageOf(text: string): string {
  const parsed = z.looseObject({ message: z.string() }).safeParse(parseJson(text));
  return parsed.success ? parsed.data.message : "no reason";
}

function made(answer: unknown): Put {
  return { did: "made", url: entrySchema.pick({ html_url: true }).parse(answer).html_url };
}

/** The first line of a text that is found again by it. @throws UserError where there is none */
export function markerOf(body: string): string {
  const [line = ""] = body.split("\n");
  if (/^<!-- slipway:[\w .-]+ -->$/.test(line)) return line;
  throw new UserError(
    `The text begins with ${JSON.stringify(line.slice(0, 60))} and not with a marker such as <!-- slipway:preview -->; ` +
      "take what `./slipway preview --markdown` or `drift --markdown` wrote.",
    2,
  );
}
