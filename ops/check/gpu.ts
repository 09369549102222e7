import { engineRuntimes } from "../../infra/docker/gpu.ts";
import { UserError } from "../../toolchain/command.ts";
import type { Folders } from "../../toolchain/folders.ts";
import { findGpuMonitor, verifyGpuMonitor, type GpuMonitorReport } from "../../toolchain/gpu-monitor.ts";
import { bad, good, warning, type Look } from "../health/finding.ts";

/** What is asked of this machine. */
export interface GpuWorld {
  /** Names of the engine's container runtimes. */
  readonly runtimes: () => Promise<readonly string[] | undefined>;
  /** What the monitor sees; nothing where it is not installed. */
  readonly monitor: () => Promise<GpuMonitorReport | undefined>;
}

export function gpuWorld(folders: Folders): GpuWorld {
  return {
    runtimes: () => engineRuntimes(),
    monitor: async () => {
      const installed = await findGpuMonitor(folders);
      return installed && verifyGpuMonitor(installed);
    },
  };
}

/** Whether GPU workers of this engine would find a GPU, by the monitor that people watch it with. */
export async function lookAtGpu({ runtimes, monitor }: GpuWorld): Promise<Look> {
  if ((await runtimes())?.includes("nvidia") !== true) return good("none: the engine has no NVIDIA runtime");
  try {
    const seen = await monitor();
    if (seen === undefined)
      return warning(
        "the engine has an NVIDIA runtime, and nobody has looked whether there is a GPU",
        "Install the monitor, and let it look: make gpu-monitor",
      );
    return good(`nvitop ${seen.version} sees ${seen.gpus.map(({ name }) => name).join(", ")}`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return bad(error.message, "make gpu-monitor says when it is mended.");
  }
}
