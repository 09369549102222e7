import { BLUE_GREEN_SAID, CANARY_SAID } from "../../infra/plan/canary.ts";
import { nameOf, typeOf } from "../../infra/plan/urn.ts";
import { formatSeconds } from "../steps.ts";
import type { EngineEvent } from "./engine-events.ts";

/** What the engine does to a resource, while it does and when it has. */
const OPERATIONS: Readonly<Record<string, { readonly sign: string; readonly doing: string; readonly done: string }>> = {
  create: { sign: "+", doing: "creating", done: "created" },
  "create-replacement": { sign: "+", doing: "creating the new", done: "created anew" },
  update: { sign: "~", doing: "updating", done: "updated" },
  delete: { sign: "-", doing: "deleting", done: "deleted" },
  "delete-replaced": { sign: "-", doing: "deleting the old", done: "deleted, the old one" },
  import: { sign: "=", doing: "importing", done: "imported" },
};

/** What the line of a resource begins with that could not be made, changed or deleted. */
export const FAILED = "!";

/** Components are no more than names for what is below them, and providers for programs that are there. */
const COMPONENT = /^(slipway:|pulumi:pulumi:Stack$|pulumi:providers:)/;

/**
 * How many lines an update will come to, by the steps of its preview, which tells a replacement as one step: of the new and of the old.
 */
export function countChanges(steps: readonly { readonly op: string; readonly urn: string }[]): number {
  const count = ({ op, urn }: { readonly op: string; readonly urn: string }) => {
    if (COMPONENT.test(typeOf(urn))) return 0;
    if (op === "replace") return 2;
    return ["create", "update", "delete", "import"].includes(op) ? 1 : 0;
  };
  return steps.reduce((sum, step) => sum + count(step), 0);
}

interface Running {
  readonly name: string;
  readonly doing: string;
  readonly since: number;
}

export interface ProgressOptions {
  /** How many resources change, where a preview has said so. */
  readonly total?: number | undefined;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
}

/** What an update has done and does at this moment, told from the engine's events. */
export class Progress {
  readonly #total: number | undefined;
  readonly #now: () => number;
  readonly #running = new Map<string, Running>();
  #done = 0;
  #fault: string | undefined;

  constructor({ total, now = () => performance.now() }: ProgressOptions = {}) {
    this.#total = total;
    this.#now = now;
  }

  /** The first error that the engine told of: what it is about, and what is wrong. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** @returns a line where something has come to its end, such as `+ api-1 created (2.3 s)` */
  take(event: EngineEvent): string | undefined {
    if (event.diagnosticEvent?.severity === "error") this.#fault ??= faultOf(event.diagnosticEvent);
    if (event.diagnosticEvent?.severity === "info") return saidByCanary(event.diagnosticEvent.message);
    const found = event.resourcePreEvent ?? event.resOutputsEvent ?? event.resOpFailedEvent;
    if (found === undefined) return undefined;
    const { op, urn, type } = found.metadata;
    const operation = Object.hasOwn(OPERATIONS, op) ? OPERATIONS[op] : undefined;
    if (operation === undefined || COMPONENT.test(type)) return undefined;
    const name = nameOf(urn);
    if (event.resourcePreEvent) {
      this.#running.set(`${op} ${urn}`, { name, doing: operation.doing, since: this.#now() });
      return undefined;
    }
    const running = this.#running.get(`${op} ${urn}`);
    if (running === undefined) return undefined;
    this.#running.delete(`${op} ${urn}`);
    const took = formatSeconds((this.#now() - running.since) / 1000);
    if (event.resOpFailedEvent) return `${FAILED} ${name} failed (${took})`;
    this.#done += 1;
    return `${operation.sign} ${name} ${operation.done} (${took})`;
  }

  /** `7 of 23; creating api-1 (3.2 s), api-2 (3.0 s)`, those that take longest first. */
  get detail(): string {
    // What is read again or found broken on the way no preview has told.
    const isCounted = this.#total !== undefined && this.#done <= this.#total;
    const count = isCounted ? `${this.#done} of ${this.#total}` : `${this.#done} done`;
    const running = [...this.#running.values()].sort((a, b) => a.since - b.since).slice(0, 3);
    const texts = running.map(
      ({ name, doing, since }) => `${doing} ${name} (${formatSeconds((this.#now() - since) / 1000)})`,
    );
    return [count, ...(texts.length === 0 ? [] : [texts.join(", ")])].join("; ");
  }
}

/** Characters of an error that are shown. */
const FAULT_LENGTH = 2000;

/** What the engine writes over the reasons of a resource, of which the first alone may say little. */
const HEADING = /^\d+ errors? occurred:$/;

/** What a release says while it takes over by steps. */
export const SAID_BESIDE = new RegExp(`^(${CANARY_SAID}|${BLUE_GREEN_SAID})\\b`);

function saidByCanary(message: string): string | undefined {
  const [said] = linesOf(message);
  return said !== undefined && SAID_BESIDE.test(said) ? said : undefined;
}

/** Colours are written as `<{%reset%}>`. */
function linesOf(message: string): string[] {
  return message
    .replaceAll(/<\{%.*?%\}>/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function faultOf({ urn, message }: NonNullable<EngineEvent["diagnosticEvent"]>): string | undefined {
  const lines = linesOf(message);
  const isList = HEADING.test(lines[0] ?? "");
  const told = isList ? lines.slice(1).map((line) => line.replace(/^\* /, "")) : lines.slice(0, 1);
  const name = urn === undefined ? undefined : nameOf(urn);
  return told.length === 0
    ? undefined
    : [name === undefined ? "" : `${name}: `, told.join("\n  ")].join("").slice(0, FAULT_LENGTH);
}
