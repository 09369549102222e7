import { engineRuntimes } from "../../infra/docker/gpu.ts";
import { UserError } from "../../toolchain/command.ts";
import type { Folders } from "../../toolchain/folders.ts";
import { findGpuMonitor, verifyGpuMonitor, type GpuMonitorReport } from "../../toolchain/gpu-monitor.ts";
import { bad, good, warning, type Look } from "../health/finding.ts";
import { StackFile } from "../stack-file.ts";

/** What is asked of this machine. */
export interface GpuWorld {
  /** Whether the stack's file lets GPU workers be. */
  readonly isWanted: boolean;
  /** Names of the engine's container runtimes. */
  readonly runtimes: () => Promise<readonly string[] | undefined>;
  /** What the monitor sees; nothing where it is not installed. */
  readonly monitor: () => Promise<GpuMonitorReport | undefined>;
}

export function gpuWorld(stack: string, folders: Folders): GpuWorld {
  return {
    isWanted: new StackFile(stack).gpuMode !== "off",
    runtimes: () => engineRuntimes(),
    monitor: async () => {
      const installed = await findGpuMonitor(folders);
      return installed && verifyGpuMonitor(installed);
    },
  };
}

/** Whether GPU workers of this engine would find a GPU, by the monitor that people watch it with. */
export async function lookAtGpu(world: GpuWorld): Promise<Look> {
  if (!world.isWanted) return good("not asked: slipway:gpu.mode is off");
  return (await askMonitor(world)) ?? good("none: the engine has no NVIDIA runtime");
}

/** The same before a deploy, which has nothing to say where no GPU worker will be. */
export async function gpuLooks(world: GpuWorld): Promise<readonly Look[]> {
  const look = world.isWanted ? await askMonitor(world) : undefined;
  return look === undefined ? [] : [look];
}

async function askMonitor({ runtimes, monitor }: GpuWorld): Promise<Look | undefined> {
  if ((await runtimes())?.includes("nvidia") !== true) return undefined;
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
    return bad(
      error.message,
      "Mend that, or let the stack be without: slipway:gpu.mode: off. Seen by: make gpu-monitor",
    );
  }
}
