import { writeCursor } from "../../app/requests/cursor.ts";
import { SUM, type TestApi } from "../servers/api.ts";
import { testAuthorization } from "../servers/credentials.ts";
import { creating, endedJob, getting, overSocket, portOf, sending, type Answer, type BadInputs } from "./case.ts";

const JOBS = "/api/v1/jobs";

async function foreignJob(api: TestApi): Promise<Answer> {
  const id = await api.make();
  return api.inject(`${JOBS}/${id}`, "other");
}

async function foreignBatch(api: TestApi): Promise<Answer> {
  const batch = { kind: "sum", members: [{ numbers: [1] }] };
  const made = await sending("POST", "/api/v1/batches", batch)(api);
  return api.inject(`/api/v1/batches/${(JSON.parse(made.body) as { id: string }).id}`, "other");
}

async function behindTheEnd(api: TestApi): Promise<Answer> {
  const id = await endedJob(api, true);
  return api.inject({ url: `${JOBS}/${id}/artifact`, headers: { range: "bytes=14-" } });
}

/** Begins a request and does not go on. */
export async function slowHeaders(api: TestApi): Promise<Answer> {
  return overSocket(portOf(api), "GET / HTTP/1.1\r\nhost: a\r\n");
}

async function twoKeys(): Promise<string> {
  const { authorization } = await testAuthorization();
  const body = JSON.stringify(SUM);
  const type = `content-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n`;
  const keys = "idempotency-key: a\r\nidempotency-key: b\r\n";
  return `POST ${JOBS} HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\n${type}${keys}\r\n${body}`;
}

export const ADDRESSES: BadInputs = {
  "an unknown address": getting("/api/v2"),
  "a method that the address does not take": sending("DELETE", JOBS),
  "a broken escape in the address": getting(`${JOBS}/%ff`),
  "an unknown parameter in the query": (api) => api.inject(creating({ url: `${JOBS}?x=1` })),
  "a list of a kind with U+0000 in its name": getting(`${JOBS}?kind=%00`),
  "a page of 201 jobs": getting(`${JOBS}?limit=201`),
  "a cursor of nobody": getting(`${JOBS}?cursor=AAAA`),
  "a cursor of another tenant": getting(`${JOBS}?cursor=${writeCursor("other", {}, "1")}`),
  "a cursor of other filters": getting(`${JOBS}?kind=sum&cursor=${writeCursor("acme", {}, "1")}`),
  "a word for an id": getting(`${JOBS}/abc`),
  "an id of 65 bits": getting(`${JOBS}/9223372036854775808`),
  "an id of 5,000 digits": getting(`${JOBS}/${"1".repeat(5000)}`),
  "two slashes before the address": getting(`/${JOBS}`),
  "escaped slashes in the address": getting(JOBS.replaceAll("/", "%2f")),
  "a method that the address does not take, of a whole URL": sending("DELETE", `http://elsewhere${JOBS}`),
  "an id that there is none of": getting(`${JOBS}/1`),
  "an id of another tenant": foreignJob,
  "a batch that there is none of": getting("/api/v1/batches/1"),
  "a batch of another tenant": foreignBatch,
  "a schedule that there is none of": getting("/api/v1/schedules/none"),
  "an answer of a type that there is none of": getting(JOBS, { accept: "text/html" }),
  "an `Idempotency-Key` with a space": (api) => api.inject(creating({ headers: { "idempotency-key": "a b" } })),
  "an `Idempotency-Key` of 256 characters": (api) =>
    api.inject(creating({ headers: { "idempotency-key": "k".repeat(256) } })),
  "two `Idempotency-Key`s": async (api) => overSocket(portOf(api), await twoKeys()),
  "a `Last-Event-ID` that is none": async (api) =>
    getting(`${JOBS}/${await api.make()}/events`, { "last-event-id": "x" })(api),
  "a range behind the end of the artifact": behindTheEnd,
  "headers of more than 16 KiB": (api) =>
    overSocket(portOf(api), `GET / HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(17_000)}\r\n\r\n`),
  "what is no HTTP": (api) => overSocket(portOf(api), "HELO\r\n\r\n"),
  "headers that take longer than 10 s": slowHeaders,
};
