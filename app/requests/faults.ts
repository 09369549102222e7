/** Faults that are told of one request; a batch could have thousands. */
export const MAX_FAULTS = 20;

/** Characters of one message: a list of unknown fields could be as long as the body. */
const MAX_MESSAGE = 500;

/** A message that is not longer than what a reader needs. */
export function shortened(message: string): string {
  return message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE).toWellFormed()}...` : message;
}
