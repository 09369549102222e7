import { createTransport } from "nodemailer";
import type { HealthSettings } from "../../configs/health-settings.ts";
import { UserError } from "../../toolchain/command.ts";
import { findingsText, type Finding } from "./finding.ts";
import type { Verdict } from "./checks.ts";

/** Who hears of a verdict. The addresses hold credentials: no message shows them. */
export interface AlertTo {
  readonly webhook?: string;
  readonly smtp?: string;
  readonly mail?: HealthSettings["mail"];
}

export interface Alert {
  readonly stack: string;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
}

const TIMEOUT_MS = 15_000;

/**
 * Tells everybody; one that cannot be told does not keep the others from hearing.
 *
 * @returns who was told: "webhook", "mail to 2"
 * @throws UserError where nobody is named, or one was not told, once all were tried
 */
export async function sendAlert({ webhook, smtp, mail }: AlertTo, alert: Alert): Promise<readonly string[]> {
  const ways = [
    ...(webhook === undefined ? [] : [post(webhook, alert)]),
    ...(smtp === undefined || mail === undefined ? [] : [send(smtp, mail, alert)]),
  ];
  if (ways.length === 0)
    throw new UserError(
      "Nobody is named who is to be told. Set the secret alertWebhook, or slipway:health.mail and the secret alertSmtp: " +
        `pulumi config set --secret alertWebhook --stack ${alert.stack}`,
    );
  const results = await Promise.allSettled(ways);
  const faults = results.flatMap((one) => (one.status === "rejected" ? [(one.reason as Error).message] : []));
  if (faults.length > 0) throw new UserError(`The alert of ${alert.stack} did not reach all:\n${faults.join("\n")}`);
  return results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** `text` is what chats show; the rest is for programs. */
async function post(webhook: string, alert: Alert): Promise<string> {
  const response = await fetch(webhook, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: textOf(alert), ...alert }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : "no answer";
    throw new Error(`webhook: ${cause}. Is the secret alertWebhook right?`);
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`webhook: status ${response.status}, must be 200 to 299. Is alertWebhook right?`);
  return "webhook";
}

async function send(smtp: string, { from, to }: NonNullable<HealthSettings["mail"]>, alert: Alert): Promise<string> {
  const transport = createTransport(smtp, { from });
  try {
    await transport.sendMail({ to: [...to], subject: subjectOf(alert), text: textOf(alert) });
  } catch (error) {
    const { code, responseCode } = error as { readonly code?: string; readonly responseCode?: number };
    throw new Error(
      `mail: the server did not take it (${code ?? "no code"}${responseCode === undefined ? "" : `, ${responseCode}`}). ` +
        "Are the secret alertSmtp and slipway:health.mail right?",
    );
  } finally {
    transport.close();
  }
  return `mail to ${to.length}`;
}

function subjectOf({ stack, verdict, findings }: Alert): string {
  const names = findings.filter(({ state }) => state !== "good").map(({ name }) => name);
  return `${stack}: ${verdict}${names.length === 0 ? "" : ` (${names.join(", ")})`}`;
}

function textOf(alert: Alert): string {
  return `${subjectOf(alert)}\n\n${findingsText(alert.findings)}`;
}
