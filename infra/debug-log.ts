import { log } from "@pulumi/pulumi";

/** Where the SDK's debug messages begin to repeat what the engine answered, secrets in clear. */
const ANSWER = ", resp: ";

/** A debug message without the engine's answer. */
export function withoutAnswer(message: string): string {
  const at = message.indexOf(ANSWER);
  return at < 0 ? message : `${message.slice(0, at)}${ANSWER}[left out: it holds secrets in clear]`;
}

/**
 * Keeps secrets out of the output of `pulumi ... --debug`: the Node SDK (3.270, runtime/resource.js) logs each answer of
 * the engine as it is, passwords included.
 */
export function keepSecretsOutOfDebugLog(): void {
  const sdk: { debug: typeof log.debug } = log;
  const { debug } = sdk;
  sdk.debug = (message, ...more) => debug(withoutAnswer(message), ...more);
}
