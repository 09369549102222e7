import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { atLeast, good, unknown, worstOf, type Look } from "./finding.ts";
import type { World } from "./world.ts";

const DAY_MS = 86_400_000;

/** Certificates of servers within a cluster: public parts, each in a file of its server. */
const INNER = ["postgres", "redis"] as const;

export async function lookAtCertificates(world: World): Promise<Look> {
  const { publicUrl } = world;
  const looks = await Promise.all([
    publicUrl.startsWith("https:") ? edgeCertificate(new URL(publicUrl), world) : undefined,
    ...INNER.map((service) => innerCertificate(service, world)),
  ]);
  const known = looks.filter((look) => look !== undefined);
  return known.length === 0
    ? good("none: the edge speaks HTTP, and so do servers on the inner network")
    : worstOf(known);
}

async function edgeCertificate({ hostname, port }: URL, world: World): Promise<Look> {
  const until = await certificateOf(hostname, port === "" ? 443 : Number(port)).catch((error: unknown) => error);
  return until instanceof Date
    ? judged(hostname, until, world)
    : unknown(`${hostname}: ${String(until)}`, "Is the name known, and the port open from here?");
}

/** Whoever signed it: who may trust it is for clients to say. */
export function certificateOf(host: string, port: number): Promise<Date> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, servername: host, rejectUnauthorized: false, timeout: 10_000 }, () => {
      resolve(new Date(socket.getPeerCertificate().valid_to));
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("timeout", () => socket.destroy(new Error("no answer within 10 s")));
  });
}

async function innerCertificate(service: string, world: World): Promise<Look | undefined> {
  const answer = await world.sight.run(service, 'cat "$SECRETS_DIR/tls.crt" 2>/dev/null || true');
  if (answer === undefined || !answer.output.includes("BEGIN CERTIFICATE")) return undefined;
  return judged(service, new Date(new X509Certificate(answer.output).validTo), world);
}

function judged(name: string, until: Date, { now, settings }: Pick<World, "now" | "settings">): Look {
  const days = Math.floor((until.getTime() - now.getTime()) / DAY_MS);
  return atLeast(
    days,
    settings.certificateDays,
    `${name}: ${days < 0 ? `over since ${-days} days` : `${days} days left`}`,
    "Renew it: certificates of a stack's own are made anew by an `up`; others where they come from.",
  );
}
