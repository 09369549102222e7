import { parseJson } from "../configs/json.ts";
import { z } from "zod";
import { EXIT, type ProgressEvent } from "../backup/protocol.ts";
import { lastLines, UserError } from "../toolchain/command.ts";
import { failureSchema, progressSchema } from "./agent-messages.ts";

/** How a command of the agent ended: with an answer, which may be that something is not good. */
export interface Answer<T> {
  /** Exit code of the agent. */
  readonly code: number;
  readonly result: T;
}

const eventSchema = z.looseObject({ event: z.string() });

const KNOWN_CODES: readonly number[] = Object.values(EXIT);

/** Lines of the agent's log that an error shows. */
const LOG_LINES = 15;

/** Reads what one command of the agent says, a line at a time, and knows in the end what became of it. */
export class Reading<T> {
  readonly #command: string;
  readonly #schema: z.ZodType<T>;
  readonly #onProgress: (event: ProgressEvent) => void;
  readonly #log: string[] = [];
  #result: { readonly value: T } | undefined;
  #failure: string | undefined;

  /** @param command for messages, such as `backup --full` */
  constructor(command: string, schema: z.ZodType<T>, onProgress: (event: ProgressEvent) => void = () => undefined) {
    this.#command = command;
    this.#schema = schema;
    this.#onProgress = onProgress;
  }

  /**
   * Takes a line of standard output. An event that is not known here is passed over: the agent may be newer.
   *
   * @throws UserError for a line that is no event, or an event that is not what it must be
   */
  line(text: string): void {
    if (text.trim() === "") return;
    const event = this.#parse(eventSchema, text, parseJson(text));
    switch (event.event) {
      case "progress":
        this.#onProgress(this.#parse(progressSchema, text, event));
        return;
      case "result":
        this.#result = { value: this.#parse(this.#schema, text, event["result"]) };
        return;
      case "failure":
        this.#failure = this.#parse(failureSchema, text, event).message;
    }
  }

  /** Takes a line of standard error. */
  logLine(text: string): void {
    this.#log.push(text);
    if (this.#log.length > LOG_LINES) this.#log.shift();
  }

  /**
   * What became of it.
   *
   * @param code that the agent ended with
   * @throws UserError with the agent's own message, or with the end of its log where it had none
   */
  end(code: number): Answer<T> {
    if (this.#failure !== undefined) throw new UserError(this.#failure, failureCode(code));
    if (this.#result !== undefined) return { code, result: this.#result.value };
    const log = lastLines(this.#log.join("\n"), LOG_LINES);
    throw new UserError(
      `The backup agent's \`${this.#command}\` ended with ${code} and without an answer` +
        (log === ""
          ? "; it logged nothing either. Was its container stopped? docker ps, or kubectl get pods"
          : `. The end of its log:\n${log}`),
      failureCode(code),
    );
  }

  #parse<E>(schema: z.ZodType<E>, line: string, value: unknown): E {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new UserError(
      `The backup agent's \`${this.#command}\` said what this version does not understand: ${line.slice(0, 200)}\n` +
        `${z.prettifyError(parsed.error)}\nIt may be of another version than this checkout. Bring both together: make up`,
    );
  }
}

/** Codes that are not documented, such as that of a signal or of a wrong configuration, are a failure like others. */
function failureCode(code: number): number {
  return code !== EXIT.good && KNOWN_CODES.includes(code) ? code : EXIT.failed;
}
