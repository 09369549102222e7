import type { FastifyReply, FastifyRequest } from "fastify";
import { RequestProblem } from "../problems.ts";

/** Bodies up to this size are not counted: as many as there may be connections fit into memory. */
const SMALL_BYTES = 16 * 1024;

/** A tenant may have this part of all the room, so that nobody takes the room of the others. */
const TENANT_SHARE = 4;

/** A body counts as one request more for each of these bytes. */
const BYTES_PER_REQUEST = 64 * 1024;

const MEBIBYTE = 1024 * 1024;

/** Room for bodies that are read or worked on. */
export interface BodyRoom {
  /**
   * Takes room for the body of a request, until its answer is sent. Small ones need none.
   *
   * @throws RequestProblem `overloaded`
   */
  take(tenant: string, request: FastifyRequest, reply: FastifyReply): void;
  /** Bytes that are taken. */
  taken(): number;
}

/** @param roomMiB for all bodies together */
export function createBodyRoom(roomMiB: number): BodyRoom {
  const limit = roomMiB * MEBIBYTE;
  const tenants = new Map<string, number>();
  let taken = 0;
  function add(tenant: string, bytes: number): void {
    taken += bytes;
    const now = (tenants.get(tenant) ?? 0) + bytes;
    if (now === 0) tenants.delete(tenant);
    else tenants.set(tenant, now);
  }
  return {
    take: (tenant, request, reply) => {
      const bytes = bytesOf(request);
      if (bytes <= SMALL_BYTES) return;
      const own = tenants.get(tenant) ?? 0;
      // A lone body always has room.
      if (own > 0 && (taken + bytes > limit || own + bytes > limit / TENANT_SHARE)) {
        throw new RequestProblem(
          "overloaded",
          `large bodies of ${own} bytes are under way, with ${bytes} more they would be too many; send fewer at once`,
        );
      }
      add(tenant, bytes);
      let held = true;
      const give = () => {
        if (held) add(tenant, -bytes);
        held = false;
      };
      // The answer was sent, or the client has gone.
      reply.raw.once("finish", give);
      request.raw.once("close", give);
    },
    taken: () => taken,
  };
}

/** Requests that one with this body counts as. */
export function requestsFor(request: FastifyRequest): number {
  return 1 + Math.floor(bytesOf(request) / BYTES_PER_REQUEST);
}

/** Length of the body; one that does not tell its length counts as the longest. */
function bytesOf({ method, headers, routeOptions }: FastifyRequest): number {
  if (method === "GET" || method === "HEAD") return 0;
  const length = headers["content-length"];
  if (length !== undefined) return Math.min(Number(length), routeOptions.bodyLimit);
  return headers["transfer-encoding"] === undefined ? 0 : routeOptions.bodyLimit;
}
