import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";

/** A mail that came in. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
}

export interface Mailbox {
  /** What `alertSmtp` is set to. */
  readonly url: string;
  readonly mails: readonly Mail[];
  end(): Promise<void>;
}

/** The one login that it takes. */
export const LOGIN = { user: "robot", pass: "canary-of-mail" };

/** A real SMTP server on loopback that keeps what it gets. It speaks in clear: certificates are not what is tested here. */
export async function startMailbox(): Promise<Mailbox> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, callback) => {
      const isRight = username === LOGIN.user && password === LOGIN.pass;
      callback(isRight ? null : new Error("wrong login"), isRight ? { user: LOGIN.user } : undefined);
    },
    onData: (stream, { envelope }, callback) => {
      text(stream).then((content) => {
        const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
        mails.push({ from, to: envelope.rcptTo.map(({ address }) => address), content });
        callback();
      }, callback);
    },
  });
  const listening = server.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  return {
    url: `smtp://${LOGIN.user}:${LOGIN.pass}@127.0.0.1:${port}`,
    mails,
    end: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
}
