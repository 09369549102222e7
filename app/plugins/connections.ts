import type { Socket } from "node:net";
import type { App } from "../parts.ts";

/** From this part of the connections on, each new one costs the one that rested longest. */
const FULL_FROM = 0.95;

/**
 * Bounds the connections of this process. Those that rest do not keep anybody out: before the bound is reached, the one without
 * a request for the longest time is closed for each that comes.
 */
export function boundConnections(app: App, max: number): void {
  const full = Math.floor(max * FULL_FROM);
  /** In the order in which they began to rest. */
  const resting = new Set<Socket>();
  const busy = new Set<Socket>();
  app.server.maxConnections = max;
  app.server.on("connection", (socket: Socket) => {
    resting.add(socket);
    socket.once("close", () => {
      resting.delete(socket);
      busy.delete(socket);
    });
    if (resting.size + busy.size <= full) return;
    const [oldest] = resting;
    if (oldest !== socket) oldest?.destroy();
  });
  app.addHook("onRequest", ({ raw: { socket } }, _reply, done) => {
    if (resting.delete(socket)) busy.add(socket);
    done();
  });
  app.addHook("onResponse", ({ raw: { socket } }, _reply, done) => {
    if (busy.delete(socket)) resting.add(socket);
    done();
  });
}
