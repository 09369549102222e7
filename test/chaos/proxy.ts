import { connect, createServer, type Socket } from "node:net";

/** How a network behaves. */
export type Weather =
  | "fine"
  /** Connections break and new ones are refused. */
  | "cut"
  /** Nothing passes and nobody is told. */
  | "half-open"
  /** Everything comes later, by {@link SLOW_MS}. */
  | "slow";

/** Delay of each piece of data, in milliseconds. */
const SLOW_MS = 40;

/** A TCP proxy between our programs and a server, whose network can be bad. */
export interface Proxy {
  readonly port: number;
  set(weather: Weather): void;
  /** Breaks a share of the connections, 0 to 1. */
  breakSome(share: number, random: () => number): void;
  /**
   * Lets a share of the connections die without a word, 0 to 1: nothing passes through them any more, whatever the weather, and neither
   * end is told. New ones are as good as the weather.
   */
  deadenSome(share: number, random: () => number): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1. @param target port of the server behind it */
export async function startProxy(target: number): Promise<Proxy> {
  const pairs = new Set<Pair>();
  let weather: Weather = "fine";
  const server = createServer({ pauseOnConnect: true }, (client) => {
    if (weather === "cut") {
      client.resetAndDestroy();
      return;
    }
    const pair = new Pair(client, connect(target, "127.0.0.1"), weather);
    pairs.add(pair);
    pair.onEnd = () => pairs.delete(pair);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    port: address.port,
    set: (next) => {
      weather = next;
      for (const pair of pairs) pair.set(next);
    },
    breakSome: (share, random) => {
      for (const pair of pairs) if (random() < share) pair.destroy();
    },
    deadenSome: (share, random) => {
      for (const pair of pairs) if (random() < share) pair.deaden();
    },
    close: async () => {
      for (const pair of pairs) pair.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Two ends of one connection. */
class Pair {
  onEnd: () => void = () => undefined;
  readonly #ends: readonly [Socket, Socket];
  #weather: Weather;
  #dead = false;

  constructor(client: Socket, server: Socket, weather: Weather) {
    this.#ends = [client, server];
    this.#weather = weather;
    this.#join(client, server);
    this.#join(server, client);
    this.set(weather);
  }

  set(weather: Weather): void {
    this.#weather = weather;
    if (weather === "cut") this.destroy();
    for (const end of this.#ends) {
      if (weather === "half-open") end.pause();
      else end.resume();
    }
  }

  deaden(): void {
    this.#dead = true;
  }

  destroy(): void {
    for (const end of this.#ends) {
      // libuv refuses to reset what is being shut down, and Node then keeps it open for ever, even past its own end.
      if (end.writableEnded || end.connecting) end.destroy();
      else end.resetAndDestroy();
    }
    this.onEnd();
  }

  #join(from: Socket, to: Socket): void {
    from.setNoDelay(true);
    const pipe = new Pipe(to);
    from.on("data", (data: Buffer) => {
      if (!this.#dead) pipe.send(data, this.#weather === "slow" ? SLOW_MS : 0);
    });
    from.on("end", () => {
      pipe.send(undefined, 0);
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      to.destroy();
      this.onEnd();
    });
  }
}

/** One direction of a connection. What came first goes first, however late it is. */
class Pipe {
  readonly #to: Socket;
  readonly #late: { readonly due: number; readonly data: Buffer | undefined }[] = [];

  constructor(to: Socket) {
    this.#to = to;
  }

  /** @param data `undefined` for the end */
  send(data: Buffer | undefined, delayMs: number): void {
    if (delayMs === 0 && this.#late.length === 0) {
      this.#pass(data);
      return;
    }
    this.#late.push({ due: performance.now() + delayMs, data });
    if (this.#late.length === 1) this.#later(delayMs);
  }

  #later(delayMs: number): void {
    setTimeout(() => {
      this.#passLate();
    }, delayMs);
  }

  #passLate(): void {
    const now = performance.now();
    while (this.#late[0] && this.#late[0].due <= now + 1) this.#pass(this.#late.shift()?.data);
    const [next] = this.#late;
    if (next) this.#later(Math.max(next.due - now, 1));
  }

  #pass(data: Buffer | undefined): void {
    if (this.#to.destroyed) return;
    if (data) this.#to.write(data);
    else this.#to.end();
  }
}
