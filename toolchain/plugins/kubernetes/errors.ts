import { textAt, objectsAt, type Json } from "./wire.ts";

/** What helps when somebody else holds a field. */
const CONFLICT =
  '\nSomebody else set this field. Leave it to them (ignoreChanges, or leave it out), or take it: annotation pulumi.com/patchForce: "true".';

/** An answer of the API server that is no yes. */
export class ApiError extends Error {
  readonly status: number;
  /** Such as `NotFound`, `Conflict`, `Invalid`. */
  readonly reason: string;
  /** Fields that were wrong, as the server names them. */
  readonly fields: readonly string[];

  constructor(what: string, status: number, body: Json) {
    const message = textAt(body, "message") ?? `status ${status}`;
    super(`${what}: ${message}${status === 409 && textAt(body, "reason") === "Conflict" ? CONFLICT : ""}`);
    this.name = "ApiError";
    this.status = status;
    this.reason = textAt(body, "reason") ?? "";
    this.fields = objectsAt(body, "details", "causes").flatMap((cause) => textAt(cause, "field") ?? []);
  }
}

/** Whether the object itself is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** Whether the server refuses because a field cannot be changed in place. */
export function isImmutable(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    error.status === 422 &&
    /immutable|may not be changed|forbidden: updates to|Forbidden: (pod updates|may not|is immutable)|cannot change/i.test(
      error.message,
    )
  );
}

/** A resource that was made, but does not do its work. It is kept in the state, and the next `up` goes on from there. */
export class NotReady extends Error {
  /** What is wrong, one reason each. */
  readonly reasons: readonly string[];

  constructor(what: string, reasons: readonly string[]) {
    super(`${what} was made, and is not ready:\n${reasons.map((reason) => `  - ${reason}`).join("\n")}`);
    this.name = "NotReady";
    this.reasons = reasons;
  }
}
