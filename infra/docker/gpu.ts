import { request } from "node:http";
import type { StackConfig } from "../../configs/stack.ts";

type GpuMode = StackConfig["gpu"]["mode"];

/**
 * Whether GPU workers belong to the stack.
 *
 * @param mode     what the stack says
 * @param runtimes names of the engine's container runtimes; `undefined` where it could not be asked
 * @throws where the stack requires a GPU and the engine has no NVIDIA runtime
 */
export function decideGpu(mode: GpuMode, runtimes: readonly string[] | undefined): boolean {
  const present = runtimes?.includes("nvidia") === true;
  if (mode === "on" && !present) {
    throw new Error(
      `gpu.mode is on, but the Docker engine ${runtimes ? `has only the runtimes ${runtimes.join(", ")}` : "could not be asked for its runtimes"}. ` +
        "Install the NVIDIA container toolkit on that host, or set `slipway:gpu: { mode: auto }`.",
    );
  }
  return mode !== "off" && present;
}

/** Names of the runtimes of the local engine, or `undefined` where none answers within a second. */
export async function engineRuntimes(
  host = process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock",
): Promise<string[] | undefined> {
  const url = new URL(host);
  // Over SSH a preview would pay a connection for the answer; such a stack says `on` or `off`.
  if (url.protocol !== "unix:") return undefined;
  return new Promise((resolve) => {
    const asked = request({ socketPath: url.pathname, path: "/info", timeout: 1000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        resolve(parseRuntimes(text));
      });
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => undefined); // what follows it says enough
    // An engine that breaks off in the middle of its answer gives no end and no error.
    asked.on("close", () => {
      resolve(undefined);
    });
    asked.end();
  });
}

function parseRuntimes(text: string): string[] | undefined {
  try {
    const { Runtimes } = JSON.parse(text) as { Runtimes?: Record<string, unknown> };
    return Runtimes ? Object.keys(Runtimes) : undefined;
  } catch {
    return undefined;
  }
}
