import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { failJob, succeedJob } from "../../jobs/attempts.ts";
import { endedJob, portOf } from "../../test/bad-input/case.ts";
import { startTestApi, type TestApi } from "../../test/servers/api.ts";
import { testAuthorization } from "../../test/servers/credentials.ts";
import { until } from "../../test/servers/programs.ts";

let api: TestApi;
let url: string;
beforeAll(async () => {
  api = await startTestApi({ EVENT_STREAMS_PER_TENANT: "2" });
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  url = `http://127.0.0.1:${portOf(api)}`;
});
afterAll(() => api.close());
beforeEach(() => api.stack.reset());

interface Seen {
  readonly text: () => string;
  readonly ended: Promise<void>;
  readonly leave: () => void;
}

async function watch(id: string, lastEventId?: string): Promise<Seen> {
  const leaving = new AbortController();
  const headers = {
    ...(await testAuthorization()),
    ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
  };
  const answer = await fetch(`${url}/api/v1/jobs/${id}/events`, { headers, signal: leaving.signal });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  let text = "";
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
  };
  const ended = read().catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error;
  });
  return {
    text: () => text,
    ended,
    leave: () => {
      leaving.abort();
    },
  };
}

function events(text: string): string[] {
  return [...text.matchAll(/^(?:id: (?<id>\S+)\n)?event: (?<type>\S+)$/gm)].map(
    ({ groups }) => `${groups?.["id"] ?? "-"} ${groups?.["type"] ?? ""}`,
  );
}

const WHOLE = ["0.0 made", "1.1 started", "1.2 attempt-ended", "2.1 started", "2.2 attempt-ended", "2.3 finished"];

it("shows a job from its making to its end as it happens, and the same to whoever comes late", async () => {
  const id = await api.make();
  const seen = await watch(id);
  const shows = (type: string) => until(`${type} is shown`, () => seen.text().includes(type));
  await shows("0.0");
  const first = await api.claim(id);
  await shows("1.1");
  await failJob(api.stack.pool, first, { code: "boom", message: "no" }, 0);
  await shows("1.2");
  const second = await api.claim(id);
  await api.stack.pool.query(`UPDATE jobs SET progress = '{"percent": 40, "message": "half\\n"}' WHERE id = $1`, [id]);
  await shows('"percent":40');
  await succeedJob(api.stack.pool, second, { sum: 3 }, undefined);
  await seen.ended;
  expect(events(seen.text()).filter((event) => event !== "- progress")).toEqual(WHOLE);
  const late = await watch(id);
  await late.ended;
  expect(events(late.text())).toEqual(WHOLE);
});

it("resumes behind the last event, and tells a client that has seen the end not to come back", async () => {
  const id = await endedJob(api);
  const seen = await watch(id, "1.1");
  await seen.ended;
  expect(events(seen.text())).toEqual(["1.2 attempt-ended", "1.3 finished"]);
  const again = await api.inject({ url: `/api/v1/jobs/${id}/events`, headers: { "last-event-id": "1.3" } });
  expect([again.statusCode, again.body]).toEqual([204, ""]);
});

describe("streams", () => {
  it("are bounded for a tenant, and free again when the client leaves", async () => {
    const id = await api.make();
    const open = [await watch(id), await watch(id)];
    const one = () => api.inject(`/api/v1/jobs/${id}/events`);
    expect((await one()).json()).toMatchObject({ type: "urn:slipway:problem:too-many-streams" });
    for (const seen of open) seen.leave();
    await until("there is room", async () => {
      const answer = await api.inject({ url: `/api/v1/jobs/${id}/events`, payloadAsStream: true });
      answer.stream().destroy();
      return answer.statusCode === 200;
    });
  });

  it("end when the API stops, and tell the client to come back", async () => {
    const other = await startTestApi();
    const id = await other.make();
    await other.app.listen({ host: "127.0.0.1", port: 0 });
    const answer = await fetch(`http://127.0.0.1:${portOf(other)}/api/v1/jobs/${id}/events`, {
      headers: await testAuthorization(),
    });
    const text = answer.text();
    await other.close();
    expect((await text).endsWith("retry: 1000\n\n")).toBe(true);
  });
});
