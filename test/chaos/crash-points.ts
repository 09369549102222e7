/**
 * Bundled into the programs of the chaos tests, and into no others: see crash-plugin.ts. A program does what the harness ordered when it
 * comes to the point that the order names.
 */
import { appendFileSync, readFileSync } from "node:fs";

/** What a program is told: where it dies, or how long its event loop stands still, now. */
interface Order {
  /** Points, any of which ends the process; such as `relay.ts:47:before`. Once. */
  readonly dieAt?: readonly string[];
  readonly blockMs?: number;
}

const path = process.env["CHAOS_ORDERS"];
let deadly = new Set<string>();

if (path !== undefined)
  process.on("SIGUSR2", () => {
    const { dieAt = [], blockMs = 0 } = JSON.parse(readFileSync(path, "utf8")) as Order;
    deadly = new Set(dieAt);
    if (blockMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
  });

function reach(point: string): void {
  if (deadly.size === 0 || path === undefined || !deadly.has(point)) return;
  appendFileSync(`${path}.hit`, `${point}\n`);
  process.kill(process.pid, "SIGKILL");
  // The signal is there before the next statement would be.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

/** Stands before what an `await` waits for. */
export function before(point: string): void {
  reach(`${point}:before`);
}

/** Stands after it; hands on what came. */
export function after<T>(point: string, value: T): T {
  reach(`${point}:after`);
  return value;
}
