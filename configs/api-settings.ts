import { z } from "zod";
import { text, whole } from "./settings.ts";

const ORIGINS = "origins such as https://app.example.org, separated by commas, or nothing (default: nothing)";

/** `https://host[:port]` and nothing behind it: what a browser sends as Origin. */
export function isOrigin(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).origin === value;
}

const originList = z
  .string()
  .default("")
  .transform((list) => (list === "" ? [] : list.split(",")))
  .refine((list) => list.every(isOrigin), { error: ORIGINS });

/** What only the API reads. */
export const API_SETTINGS = {
  /** `iss` that every token must have. */
  JWT_ISSUER: text("the issuer of the tokens (default slipway)").default("slipway"),
  /** `aud` that every token must have. */
  JWT_AUDIENCE: text("the audience of the tokens (default slipway-api)").default("slipway-api"),
  /** Requests a second that each tenant may make in the long run; 0 is without limit. */
  RATE_LIMIT_PER_SECOND: whole(0, 1_000_000, 1000),
  /** Requests that a tenant may make at once, beyond those per second. */
  RATE_LIMIT_BURST: whole(1, 1_000_000, 2000),
  /** Pending jobs of one queue from which on new ones are refused. */
  QUEUE_MAX_PENDING: whole(1, 1_000_000_000, 2_000_000),
  /** Pending jobs of one tenant from which on its new ones are refused. */
  TENANT_MAX_PENDING: whole(1, 1_000_000_000, 1_000_000),
  /** Event streams that one tenant may hold open in one process. */
  EVENT_STREAMS_PER_TENANT: whole(1, 10_000, 100),
  /** Jobs that may wait for their commit in one process; more are refused. */
  MAX_WAITING_INSERTS: whole(1, 1_000_000, 2000),
  /** Memory for bodies of more than 16 KiB that one process reads or works on, in MiB. A tenant may have a quarter. */
  BODIES_MAX_MIB: whole(4, 65_536, 64),
  /** Origins whose pages may call the API from a browser. */
  CORS_ORIGINS: originList,
  /** Connections that one process holds at most. */
  MAX_CONNECTIONS: whole(1, 1_000_000, 10_000),
};
