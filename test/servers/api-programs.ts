import { bundlePrograms, type Bundles } from "./bundles.ts";
import { freePort, startProgram, until, type RunningProgram } from "./programs.ts";
import { startStack, type TestStack } from "./stack.ts";

/** Bundled APIs over one stack. */
export interface ApiPrograms {
  readonly stack: TestStack;
  /** Starts one more; gives its URL when it is ready. */
  start(env?: Readonly<Record<string, string>>): Promise<string>;
  close(): Promise<void>;
}

/** Starts servers, without any API yet. */
export async function startApiPrograms(): Promise<ApiPrograms> {
  const [stack, bundles]: [TestStack, Bundles] = await Promise.all([startStack(), bundlePrograms()]);
  const running: RunningProgram[] = [];
  return {
    stack,
    start: async (env = {}) => {
      const port = String(await freePort());
      const all = { PATH: process.env["PATH"] ?? "", ...stack.env, PORT: port, ...env };
      const program = startProgram([process.execPath, bundles.path("api")], { cwd: bundles.folder, env: all });
      running.push(program);
      const url = `http://127.0.0.1:${port}`;
      const isReady = async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok === true;
      await until("the API is ready", isReady);
      return url;
    },
    close: async () => {
      for (const program of running) await program.stop("SIGKILL");
      bundles.remove();
      await stack.close();
    },
  };
}
