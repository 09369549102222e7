import { connect, type Socket } from "node:net";

/** Connections that do harm, until they are ended. */
export interface Attack {
  end(): void;
}

/** Keeps a number of connections open, each made again when it is closed. @param begin what a connection does */
export function holdConnections(port: number, count: number, begin: (socket: Socket) => void): Attack {
  const sockets = new Set<Socket>();
  let over = false;
  function open(): void {
    if (over) return;
    const socket = connect(port, "127.0.0.1");
    sockets.add(socket);
    socket.on("error", () => undefined).resume();
    socket.once("connect", () => {
      begin(socket);
    });
    socket.once("close", () => {
      sockets.delete(socket);
      setTimeout(open, 100);
    });
  }
  for (let n = 0; n < count; n += 1) open();
  return {
    end: () => {
      over = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Headers that come letter by letter and never end. */
export function slowHeaders(socket: Socket): void {
  socket.write("GET / HTTP/1.1\r\nhost: a\r\nx: ");
  const timer = setInterval(() => socket.write("x"), 500);
  socket.once("close", () => {
    clearInterval(timer);
  });
}

/** One request, and then nothing. */
export function idle(socket: Socket): void {
  socket.write("GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n");
}

/** Sends the same request again and again, on so many connections, whatever is answered. */
export function flood(url: string, connections: number, request: () => RequestInit): Attack {
  const leaving = new AbortController();
  async function send(): Promise<void> {
    while (!leaving.signal.aborted) {
      const answer = await fetch(url, { ...request(), signal: leaving.signal }).catch(() => undefined);
      await answer?.arrayBuffer().catch(() => undefined);
    }
  }
  for (let n = 0; n < connections; n += 1) void send();
  return {
    end: () => {
      leaving.abort();
    },
  };
}
