/**
 * The backup agent's process: command line, configuration, signals, and lines of JSON.
 * Exit: see {@link EXIT}, and 78 for a wrong configuration.
 */
import { loadRuntime } from "../configs/runtime.ts";
import { createLog } from "../jobs/log.ts";
import { reasonOf } from "../jobs/patience.ts";
import { createCloseStack, loadOrExit, runService } from "../jobs/process.ts";
import { openAgent } from "./agent.ts";
import { helpText, readCommandLine, type Command } from "./command-line.ts";
import { runCommand, type Answer, type OneOff } from "./commands.ts";
import { Busy } from "./lock.ts";
import { EXIT } from "./protocol.ts";
import { startAgent } from "./start-agent.ts";
import { UsageFault } from "./targets.ts";

function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function readOrExit(args: readonly string[]): Command {
  try {
    return readCommandLine(args);
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    process.stderr.write(`backup: ${error.message}. See backup --help.\n`);
    process.exit(EXIT.usage);
  }
}

async function run(command: OneOff): Promise<Answer> {
  const config = loadOrExit((env) => loadRuntime("backup", env));
  const log = createLog("backup", config.logLevel, { onStderr: true });
  const stopped = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const)
    process.on(name, () => {
      stopped.abort(new Error(`${name} received: stopped, with nothing half done; run it again`));
    });
  const stack = createCloseStack(log);
  try {
    const agent = openAgent({ config, log, signal: stopped.signal, stack, onProgress: say });
    return await runCommand(agent, command);
  } catch (error) {
    log.debug({ err: error }, "the command failed");
    return {
      exit: error instanceof Busy ? EXIT.busy : EXIT.failed,
      event: { event: "failure", message: reasonOf(error) },
    };
  } finally {
    await stack.close();
  }
}

const command = readOrExit(process.argv.slice(2));
switch (command.is) {
  case "help":
    process.stdout.write(helpText());
    break;
  case "serve": {
    const config = loadOrExit((env) => loadRuntime("backup", env));
    const log = createLog("backup", config.logLevel);
    await runService(log, config.DRAIN_SECONDS, () => startAgent(config, log));
    break;
  }
  default: {
    const { exit, event } = await run(command);
    say(event);
    process.exitCode = exit;
  }
}
