import { randomUUID } from "node:crypto";

/** A request as the AWS SDKs send it. */
export interface AwsRequest {
  /** Of the signature, such as `eks`. */
  readonly service: string;
  readonly region: string;
  readonly method: string;
  /** Path and query as they were sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Decoded parts of the path. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Buffer;
  /** The body as text. */
  readonly text: string;
}

export interface AwsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/**
 * Answers the requests that it knows; the others are not its own.
 *
 * @param ask puts a request to moto: the same one to mend its answer, or another
 */
export type AwsHandler = (request: AwsRequest, ask: AskMoto) => AwsAnswer | undefined | Promise<AwsAnswer | undefined>;
export type AskMoto = (request: Pick<AwsRequest, "method" | "url" | "headers" | "body">) => Promise<AwsAnswer>;

/** moto's account. */
export const ACCOUNT = "123456789012";

/** What AWS refuses. */
export class WireError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = "WireError";
    this.code = code;
    this.status = status;
  }
}

export function json(value: object): AwsAnswer {
  return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

/** What an action of a service with XML answers, such as `<CreateCacheParameterGroupResponse>`. */
export function xml(action: string, result: string): AwsAnswer {
  const body = `<${action}Response><${action}Result>${result}</${action}Result>${metadata()}</${action}Response>`;
  return { status: 200, headers: { "content-type": "text/xml" }, body };
}

/** In the manner of the request: those of services with XML name an action in their body. */
export function errorAnswer({ text: body }: AwsRequest, { code, message, status }: WireError): AwsAnswer {
  if (!/(^|&)Action=/.test(body))
    return {
      ...{ status, headers: { "content-type": "application/json", "x-amzn-errortype": code } },
      body: JSON.stringify({ message }),
    };
  const fault = element("Type", "Sender") + element("Code", code) + element("Message", message);
  return {
    ...{ status, headers: { "content-type": "text/xml" } },
    body: `<ErrorResponse><Error>${fault}</Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
  };
}

function metadata(): string {
  return `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>`;
}

/** An XML element with text in it. */
export function element(name: string, text: string): string {
  return `<${name}>${text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</${name}>`;
}

/** An XML element with elements in it. */
export function nest(name: string, inner: string): string {
  return `<${name}>${inner}</${name}>`;
}

/** Seconds since 1970, as the services with JSON tell times. */
export function now(): number {
  return Date.now() / 1000;
}
