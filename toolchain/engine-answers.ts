/** The HTTP status that a Docker engine refused with; nothing where it was no refusal of an engine. */
export function statusOf(error: unknown): unknown {
  return error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
}

/** What a Docker engine answers; nothing where what it was asked for is not there. */
export async function ignoringAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}
