import type { Artifact } from "../../jobs/job.ts";
import type { Member } from "../../jobs/kind.ts";
import { createLog } from "../../jobs/log.ts";
import { openObjects } from "../../jobs/objects.ts";
import { reasonOf } from "../../jobs/patience.ts";
import { loadKinds, type Kinds } from "../../jobs/registry.ts";
import { SPEECH_ENGINES } from "../engines.ts";
import { encodeOgg } from "../engines/ogg.ts";
import { performWork, type PerformDeps } from "../perform-work.ts";
import type { WorkHost, WorkOutcome } from "../runner.ts";
import { createBatcher, type FromPlace, type PlaceSettings, type PlainOutcome, type ToPlace } from "./messages.ts";
import { openPort, type Port } from "./port.ts";

/** Why a handler is told to stop; as the worker named it. */
class Stopped extends Error {
  override readonly name: string;

  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/**
 * The program of a place: starts kinds and engines once, then runs what the worker sends.
 *
 * @param load gives the kinds
 */
export function runPlace(load: () => Promise<Kinds> = loadKinds): void {
  const port = openPort();
  const place = new PlaceProgram(port, load);
  port.onBatch((batch) => {
    for (const message of batch) place.hear(message);
  });
}

interface Question {
  readonly answer: (page: readonly Member[]) => void;
  readonly refuse: (error: Error) => void;
}

class PlaceProgram {
  readonly #port: Port;
  readonly #load: () => Promise<Kinds>;
  readonly #out;
  readonly #running = new Map<number, AbortController>();
  readonly #questions = new Map<number, Question>();
  #deps: PerformDeps | undefined;
  #asked = 0;

  constructor(port: Port, load: () => Promise<Kinds>) {
    this.#port = port;
    this.#load = load;
    this.#out = createBatcher<FromPlace>((batch) => {
      port.send(batch);
    });
  }

  hear(message: ToPlace): void {
    switch (message.is) {
      case "start":
        void this.#start(message.settings);
        return;
      case "run":
        void this.#run(message);
        return;
      case "abort":
        this.#running.get(message.run)?.abort(new Stopped(message.name, message.message));
        return;
      case "members":
        this.#take(message.question)?.answer(message.page);
        return;
      case "no-members":
        this.#take(message.question)?.refuse(new Error(message.reason));
        return;
      case "drop":
        void this.#drop(message.key);
        return;
      case "close":
        this.#port.leave(0);
        return;
    }
  }

  async #start(settings: PlaceSettings): Promise<void> {
    const log = createLog("worker", settings.logLevel).child({ place: settings.place });
    try {
      const kinds = await this.#load();
      const speech = SPEECH_ENGINES[settings.speech.engine](settings.speech);
      await speech.check(new AbortController().signal);
      this.#deps = {
        kinds,
        objects: openObjects(settings.objectsUrl),
        engines: { speech: { ...speech, toOgg: encodeOgg } },
        log,
      };
      this.#out.push({ is: "ready" });
    } catch (error) {
      this.#out.push({ is: "broken", reason: reasonOf(error) });
      this.#out.flush();
      // What was sent is on its way once this turn is over.
      setTimeout(() => {
        this.#port.leave(1);
      }, 100);
    }
  }

  async #run({ run, work }: Extract<ToPlace, { is: "run" }>): Promise<void> {
    if (!this.#deps) return; // The worker sends nothing before `ready`.
    const controller = new AbortController();
    this.#running.set(run, controller);
    const host: WorkHost = {
      progress: (progress) => {
        this.#out.push({ is: "progress", run, progress });
      },
      members: (after) => this.#members(run, after),
    };
    const outcome = await performWork(this.#deps, work, host, controller.signal);
    this.#running.delete(run);
    this.#out.push({ is: "done", run, outcome: pack(outcome) });
  }

  async #members(run: number, after: number): Promise<readonly Member[]> {
    const question = this.#asked++;
    return new Promise((answer, refuse) => {
      this.#questions.set(question, { answer, refuse });
      this.#out.push({ is: "members", run, question, after });
    });
  }

  #take(question: number): Question | undefined {
    const asked = this.#questions.get(question);
    this.#questions.delete(question);
    return asked;
  }

  async #drop(key: Artifact["key"]): Promise<void> {
    await this.#deps?.objects.remove(key).catch((error: unknown) => {
      this.#deps?.log.warn({ err: error, key }, "an artifact that nobody sees could not be removed");
    });
  }
}

function pack(outcome: WorkOutcome): PlainOutcome {
  if (outcome.is === "failure") return outcome;
  const { result, artifact } = outcome;
  try {
    // Undefined for what JSON cannot say, such as a handler's void; lib types leave that out.
    const json = JSON.stringify(result) as string | undefined;
    return { is: "success", json, artifact };
  } catch (error) {
    const message = `the result is no JSON: ${reasonOf(error)}`;
    return { is: "failure", failure: { code: "result-not-json", message }, permanent: true, artifact };
  }
}
