/** A place that must not hold a secret: what it is, and its content. */
export interface Place {
  readonly name: string;
  readonly content: string;
}

/** Every form in which a secret may slip out: as it is, base64 (both alphabets), hex, URL- and JSON-escaped. */
export function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const forms = [
    secret,
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    bytes.toString("hex"),
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ];
  return [...new Set(forms)];
}

/** Which secret stands where; names only, as the report of a leak must not be one. */
export function findLeaks(secrets: Readonly<Record<string, string>>, places: readonly Place[]): string[] {
  return Object.entries(secrets).flatMap(([secret, value]) =>
    places
      .filter(({ content }) => formsOf(value).some((form) => content.includes(form)))
      .map((place) => `${secret} in ${place.name}`),
  );
}
