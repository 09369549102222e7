import { findFolders } from "../folders.ts";
import { installGpuMonitor, verifyGpuMonitor } from "../gpu-monitor.ts";
import { runMain } from "../main.ts";

const USAGE = {
  command: "make gpu-monitor",
  summary: "installs nvitop from PyPI into an environment of its own, and verifies that it sees this machine's GPUs.",
  options: [],
  examples: ["make gpu-monitor"],
};

await runMain(USAGE, {}, async () => {
  const environment = await installGpuMonitor(findFolders());
  const { version, gpus } = await verifyGpuMonitor(environment);
  for (const { name, uuid, memoryTotalBytes } of gpus) {
    process.stdout.write(`${name}  ${uuid}  ${Math.round(memoryTotalBytes / 1024 ** 2)} MiB\n`);
  }
  process.stdout.write(`nvitop ${version} answers. Watch: ${environment.python} ${environment.script("nvitop")}\n`);
});
