import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startMailbox, type Mailbox } from "../../test/servers/mailbox.ts";
import { startWebhook, type Webhook } from "../../test/servers/webhook.ts";
import { sendAlert, type Alert } from "./alert.ts";

const ALERT: Alert = {
  stack: "prod",
  verdict: "UNHEALTHY",
  findings: [
    { name: "routes", state: "good", detail: "all answer" },
    { name: "disk", state: "bad", detail: "postgres: 3 % free", mend: "Make room." },
  ],
};

const MAIL = { from: "slipway@example.org", to: ["one@example.org", "two@example.org"] };

let mailbox: Mailbox;
let webhook: Webhook;
beforeEach(async () => {
  [mailbox, webhook] = await Promise.all([startMailbox(), startWebhook()]);
});
afterEach(() => Promise.all([mailbox.end(), webhook.end()]));

describe("an alert", () => {
  it("is posted to the webhook and mailed, with what is wrong and what to do", async () => {
    const to = { webhook: webhook.url, smtp: mailbox.url, mail: MAIL };
    expect(await sendAlert(to, ALERT)).toEqual(["webhook", "mail to 2"]);
    const text = "prod: UNHEALTHY (disk)\n\n✓ routes  all answer\n✗ disk    postgres: 3 % free\n";
    expect(webhook.posts).toEqual([{ ...ALERT, text: expect.stringContaining(text) as unknown }]);
    const [mail] = mailbox.mails;
    expect(mail).toMatchObject({ from: MAIL.from, to: MAIL.to });
    expect(mail?.content).toMatch(/^Subject: prod: UNHEALTHY \(disk\)\r?$/m);
    expect(mail?.content).toContain("Make room.");
  });

  it("reaches those that can be reached, and says who was not, without a credential", async () => {
    const wrong = mailbox.url.replace("canary-of-mail", "another-canary");
    const told = sendAlert({ webhook: webhook.url, smtp: wrong, mail: MAIL }, ALERT);
    const message = await told.then(String, String);
    expect(message).toContain("mail: the server did not take it (EAUTH, 535)");
    expect(message).not.toContain("canary");
    expect(webhook.posts).toHaveLength(1);
  });

  it("is refused by a webhook that answers otherwise, or nothing", async () => {
    const refusing = await startWebhook(410);
    const refused = await sendAlert({ webhook: refusing.url }, ALERT).then(String, String);
    await refusing.end();
    expect(refused).toContain("webhook: status 410, must be 200 to 299");
    const gone = await sendAlert({ webhook: refusing.url }, ALERT).then(String, String);
    expect(gone).toContain("webhook: connect ECONNREFUSED");
    expect(refused + gone).not.toContain("canary");
  });

  it("wants somebody who is told", async () => {
    await expect(sendAlert({ smtp: mailbox.url }, ALERT)).rejects.toThrow("Nobody is named who is to be told");
  });
});
