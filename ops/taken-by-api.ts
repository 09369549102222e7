import type { Taken } from "./rotation-run.ts";

/** As many answers as make it likely that every replica of the API has given one. */
const ASKED = 12;

/** A route that asks for a credential and changes nothing. */
export const ASKED_PATH = "/api/v1/jobs?limit=1";

/**
 * What a credential is to the API, all replicas of it.
 *
 * @param url of the API
 * @param headers made anew for each request: a signed one is taken once
 */
export async function takenByApi(url: string, headers: () => Readonly<Record<string, string>>): Promise<Taken> {
  const ask = async () => {
    const response = await fetch(`${url}${ASKED_PATH}`, {
      // A connection each: one that is kept goes to one replica alone.
      headers: { ...headers(), connection: "close" },
      signal: AbortSignal.timeout(15_000),
    });
    await response.body?.cancel();
    return response.status;
  };
  const codes = await Promise.all(Array.from({ length: ASKED }, ask));
  if (codes.every((code) => code === 200)) return "accepted";
  return codes.every((code) => code === 401) ? "refused" : "mixed";
}
