import { ConfigError, EXIT_CONFIG, loadRuntime, maskConfig, type RuntimeConfig } from "../configs/runtime.ts";
import { EXIT_USAGE, helpText, readCommandLine } from "./command-line.ts";

/** What a worker process is started with. */
export interface Start {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly version: string;
}

/** Either a worker is to run, or all is said and the process ends. */
export type Launch =
  | {
      readonly is: "run";
      readonly config: RuntimeConfig<"worker">;
      /** For stdout: the masked configuration where ECHO_CONFIG asks for it. */
      readonly echo: string;
    }
  | {
      readonly is: "end";
      readonly status: number;
      /** For stdout where the status is 0, else for stderr. */
      readonly text: string;
    };

/** Decides what a worker process does: defaults, then the environment over them, then the command line over both. */
export function launch({ args, env, platform, version }: Start): Launch {
  if (platform === "win32") {
    return end(EXIT_USAGE, "worker: got Windows, allowed: a POSIX system. Run it in a container or under WSL.\n");
  }
  const command = readCommandLine(args);
  switch (command.is) {
    case "wrong":
      return end(EXIT_USAGE, `${command.message}\n`);
    case "help":
      return end(0, helpText());
    case "version":
      return end(0, `${version}\n`);
    case "run":
    case "print-config":
      break;
  }
  const settings = { ...env, ...command.settings };
  try {
    const config = loadRuntime("worker", settings);
    const masked = `${JSON.stringify(maskConfig(config, settings))}\n`;
    if (command.is === "print-config") return end(0, masked);
    return { is: "run", config, echo: config.ECHO_CONFIG === "true" ? masked : "" };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return end(EXIT_CONFIG, `${nameFlags(error, command.flags).message}\n`);
  }
}

function end(status: number, text: string): Launch {
  return { is: "end", status, text };
}

/** A value that came by a flag is a fault of the flag. */
function nameFlags(error: ConfigError, flags: Readonly<Record<string, string>>): ConfigError {
  const faults = error.faults.map((fault) => {
    const flag = flags[fault.key];
    return flag === undefined ? fault : { ...fault, key: flag, fix: `Correct ${flag}.` };
  });
  return new ConfigError("worker", faults);
}
