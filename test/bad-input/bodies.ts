import { gzipSync } from "node:zlib";
import { BATCH_BODY_LIMIT } from "../../app/routes/batches.ts";
import { BODY_LIMIT } from "../../app/app.ts";
import { SUM } from "../servers/api.ts";
import { creating, sending, withBody, type BadInputs } from "./case.ts";

const BATCHES = "/api/v1/batches";
const SCHEDULE = "/api/v1/schedules/nightly";
const SUMS = { kind: "sum", members: [{ numbers: [1] }, { numbers: [2] }] };

const job = (change: Record<string, unknown>) => withBody(JSON.stringify({ ...SUM, ...change }));
const sum = (params: unknown) => job({ kind: "sum", params });
/** Lists in lists. */
const nested = (levels: number) => `{"kind":"sum","params":${"[".repeat(levels)}${"]".repeat(levels)}}`;

const deepBatch = (levels: number) => `{"kind":"sum","members":[${"[".repeat(levels)}${"]".repeat(levels)}]}`;

export const BODIES: BadInputs = {
  "a body that is no JSON": withBody("{"),
  "an empty body": withBody(""),
  "a body that is not UTF-8": withBody(Buffer.from('{"kind":"speech","params":{"text":"\xff"}}', "latin1")),
  "a field `__proto__`": withBody('{"kind":"sum","params":{},"\\u005f_proto__":{"a":1}}'),
  "a list for a body": withBody("[]"),
  "an unknown field": job({ quue: "cpu" }),
  "a field of a wrong type": job({ priority: "1" }),
  "a missing field": withBody('{"params":{}}'),
  "80,000 unknown fields": withBody(
    JSON.stringify({ ...SUM, ...Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`k${n}`, 1])) }),
  ),
  "an unknown queue": job({ queue: "fast" }),
  "a delay of 31 days": job({ delaySeconds: 31 * 24 * 3600 }),
  "a body of more than 1 MiB": withBody(JSON.stringify({ ...SUM, text: "x".repeat(BODY_LIMIT) })),
  "a batch of more than 8 MiB": sending("POST", BATCHES, { ...SUMS, text: "x".repeat(BATCH_BODY_LIMIT) }),
  "a body of another type": withBody("<a/>", { "content-type": "text/xml" }),
  "a body without a type": (api) => {
    const { method = "POST", url = "", payload = "" } = creating({});
    return api.inject({ method, url, payload: Buffer.from(payload as string) });
  },
  "a charset other than UTF-8": withBody(JSON.stringify(SUM), { "content-type": "application/json; charset=latin1" }),
  "a compressed body": withBody(gzipSync(JSON.stringify(SUM)), { "content-encoding": "gzip" }),
  "an unknown kind": job({ kind: "song" }),
  "parameters of a wrong type": sum({ numbers: ["1"] }),
  "parameters with an unknown field": sum({ numbers: [1], y: 1 }),
  "parameters with U+0000": withBody('{"kind":"speech","params":{"text":"a\\u0000"}}'),
  "parameters with half a surrogate pair": withBody('{"kind":"speech","params":{"text":"a\\ud83d"}}'),
  "parameters 33 levels deep": withBody(nested(33)),
  "parameters 100,000 levels deep": withBody(nested(100_000)),
  "a batch without members": sending("POST", BATCHES, { kind: "sum", members: [] }),
  "a batch of 10,001 members": sending("POST", BATCHES, { kind: "sum", members: Array(10_001).fill({ numbers: [] }) }),
  "a batch with one bad member": sending("POST", BATCHES, { kind: "sum", members: [{ numbers: [1] }, {}] }),
  "a batch nested 100,000 levels deep, under an `Idempotency-Key`": (api) =>
    api.inject(creating({ url: BATCHES, payload: deepBatch(100_000), headers: { "idempotency-key": "deep" } })),
  "a batch of 10,000 members with 260 faults each": sending("POST", BATCHES, {
    kind: "sum",
    members: Array(10_000).fill({ numbers: Array(260).fill("") }),
  }),
  "a batch with an aggregate of no kind": sending("POST", BATCHES, { ...SUMS, aggregate: { kind: "song" } }),
  "a schedule without a timing": sending("PUT", SCHEDULE, SUM),
  "a schedule with a cron expression of four fields": sending("PUT", SCHEDULE, { ...SUM, cron: "0 0 * *" }),
};
