import { StringDecoder } from "node:string_decoder";

/** Bytes in front of each frame: stream, three zeros, length (API reference, "Attach to a container"). */
const HEAD = 8;

/** Lines out of a log that the engine sends while it grows, wherever it cuts frames and lines. */
export class LogLines {
  readonly #take: (line: string) => void;
  readonly #decoder = new StringDecoder("utf8");
  #bytes = Buffer.alloc(0);
  #text = "";

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  push(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    let at = 0;
    while (at + HEAD <= this.#bytes.length) {
      const end = at + HEAD + this.#bytes.readUInt32BE(at + 4);
      if (end > this.#bytes.length) break;
      this.#text += this.#decoder.write(this.#bytes.subarray(at + HEAD, end));
      at = end;
    }
    this.#bytes = this.#bytes.subarray(at);
    const lines = this.#text.split("\n");
    this.#text = lines.pop() ?? "";
    lines.forEach(this.#take);
  }
}
