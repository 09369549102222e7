import { expect, test } from "vitest";
import { CommandError } from "../command.ts";
import { Steps } from "../steps.ts";
import { update } from "./update.ts";

const steps = new Steps({ screen: { write: () => undefined, isTerminal: false, columns: 80 } });

/** What is said of an `up` that fails. */
const failed = (faultyLogs: () => Promise<string>) =>
  update(
    {
      stack: { deploy: () => Promise.reject(new CommandError("pulumi up", "exit code 255", 255, "error: no image")) },
      ...{ host: { faultyLogs }, steps, goesOn: undefined, total: undefined },
    },
    () => undefined,
  );

test("a failure is told with the logs of what failed", async () => {
  await expect(failed(() => Promise.resolve("--- api: exit code 1"))).rejects.toThrow(
    "pulumi up: exit code 255\nerror: no image\n\n--- api: exit code 1",
  );
});

test("a failure is told where the platform is gone, too, and that there are no logs", async () => {
  await expect(failed(() => Promise.reject(new Error("connect ENOENT /run/docker.sock")))).rejects.toThrow(
    "pulumi up: exit code 255\nerror: no image\n\nThe logs cannot be read: connect ENOENT /run/docker.sock",
  );
});
