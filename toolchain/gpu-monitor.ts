import { join } from "node:path";
import { CommandError, runCommand, UserError } from "./command.ts";
import type { Folders } from "./folders.ts";
import { installedEnvironment, pythonEnvironment, type PythonEnvironment } from "./python.ts";

/** A GPU as nvitop sees it. */
export interface SeenGpu {
  readonly name: string;
  readonly uuid: string;
  readonly memoryTotalBytes: number;
}

/** What the GPU monitor found. */
export interface GpuMonitorReport {
  /** Such as `1.7.2`. */
  readonly version: string;
  readonly gpus: readonly SeenGpu[];
}

/** Asks NVML by nvitop itself, as JSON. */
const ASK = `
import json, nvitop
nvitop.libnvml.nvmlInit()  # Without it a missing driver looks like no GPU.
gpus = [{"name": d.name(), "uuid": d.uuid(), "memoryTotalBytes": d.memory_total()} for d in nvitop.Device.all()]
print(json.dumps({"version": nvitop.__version__, "gpus": gpus}))
`;

type Place = Pick<Folders, "cache" | "root">;

const NAME = "python-gpu-monitor";
const requirementsIn = ({ root }: Place) => join(root, "toolchain/gpu-monitor/requirements.txt");

/** Installs nvitop into an environment of its own, from PyPI; nothing of the system is touched. */
export async function installGpuMonitor(folders: Place): Promise<PythonEnvironment> {
  return pythonEnvironment(folders, NAME, requirementsIn(folders));
}

/** Where it is installed; nothing where it is not. */
export async function findGpuMonitor(folders: Place): Promise<PythonEnvironment | undefined> {
  return installedEnvironment(folders, NAME, requirementsIn(folders));
}

/**
 * Verifies that nvitop is installed and sees GPUs.
 *
 * @throws UserError with exactly what is missing: the driver's library, a device, or rights
 */
export async function verifyGpuMonitor({ python }: Pick<PythonEnvironment, "python">): Promise<GpuMonitorReport> {
  const report = await ask(python);
  if (report.gpus.length === 0) {
    throw new UserError(
      `nvitop ${report.version} works and sees no GPU. Give this machine or container one: \`nvidia-smi -L\` lists them.`,
    );
  }
  return report;
}

async function ask(python: string): Promise<GpuMonitorReport> {
  try {
    return JSON.parse(await runCommand(python, ["-c", ASK], { timeoutSeconds: 30 })) as GpuMonitorReport;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new UserError(explain(error));
  }
}

function explain({ output, message }: CommandError): string {
  if (/NVML Shared Library Not Found/i.test(output))
    return "nvitop is installed; NVIDIA's driver is missing: there is no libnvidia-ml.so.1. Install the driver on the host, and give containers the GPU (NVIDIA Container Toolkit).";
  if (/Driver Not Loaded/i.test(output))
    return "nvitop is installed; NVIDIA's driver is not loaded. Run `modprobe nvidia`, and see dmesg for why it is not.";
  if (/No module named/.test(output))
    return `nvitop is not installed: ${output.trim().split("\n").at(-1) ?? ""}. Run make gpu-monitor again.`;
  return `nvitop is installed and cannot ask the GPUs:\n${message}`;
}
