import type Docker from "dockerode";
import { UserError } from "../toolchain/command.ts";
import { SERVICE_LABEL, STACK_LABEL } from "./agent.ts";
import type { Output } from "../toolchain/lines.ts";
import { exitCode, readLines } from "./exec.ts";
import type { Inside } from "./rotation-logins.ts";

/** The containers of a stack on a Docker engine. */
export function insideDocker(docker: Docker, stack: string): Inside {
  return {
    redisOptions: "",
    run: (service, script, input) => runInDocker(docker, stack, service, script, input),
  };
}

/**
 * Runs a script of bash in a container of a service.
 *
 * @throws UserError where none of it runs
 */
export async function runInDocker(
  docker: Docker,
  stack: string,
  service: string,
  script: string,
  input = "",
): Promise<Output> {
  const filters = { label: [`${STACK_LABEL}=${stack}`, `${SERVICE_LABEL}=${service}`] };
  const [found] = await docker.listContainers({ filters });
  if (found === undefined)
    throw new UserError(`The stack ${stack} has no container of ${service} that runs. Is it up? make up`);
  const exec = await docker.getContainer(found.Id).exec({
    ...{ Cmd: ["/bin/bash", "-c", script], AttachStdin: true, AttachStdout: true, AttachStderr: true },
  });
  const stream = await exec.start({ hijack: true, stdin: true });
  const output: string[] = [];
  const read = readLines(docker, stream, { onLine: (line) => output.push(line), onLogLine: () => undefined });
  stream.end(input);
  await read;
  return { output: output.join("\n"), code: await exitCode(exec) };
}
