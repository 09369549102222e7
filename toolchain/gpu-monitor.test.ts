import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runCommand } from "./command.ts";
import { ROOT } from "./folders.ts";
import { installGpuMonitor, verifyGpuMonitor } from "./gpu-monitor.ts";

const cache = mkdtempSync(join(tmpdir(), "slipway-gpu-monitor-"));
afterAll(() => {
  rmSync(cache, { recursive: true });
});

const hasDriver = ["/dev/nvidiactl", "/proc/driver/nvidia/version"].some((path) => existsSync(path));

it(
  "installs from PyPI, runs, and says what this machine has or exactly what it lacks (needs the registry)",
  { timeout: 120_000 },
  async () => {
    const environment = await installGpuMonitor({ cache, root: ROOT });
    expect(await runCommand(environment.python, [environment.script("nvitop"), "--version"])).toContain("1.7.2");
    const verified = verifyGpuMonitor(environment);
    if (hasDriver) expect((await verified).gpus.length).toBeGreaterThan(0);
    else await expect(verified).rejects.toThrow("NVIDIA's driver is missing: there is no libnvidia-ml.so.1");
  },
);

describe("what a simulated nvitop says", () => {
  const simulated = (body: string) => {
    const python = join(cache, "python");
    writeFileSync(python, `#!/bin/sh\n${body}\n`);
    chmodSync(python, 0o755);
    return verifyGpuMonitor({ python });
  };
  it("is given back when there are GPUs", async () => {
    const gpus = [{ name: "NVIDIA L4", uuid: "GPU-aaaa", memoryTotalBytes: 24 * 1024 ** 3 }];
    expect(await simulated(`echo '${JSON.stringify({ version: "1.7.2", gpus })}'`)).toEqual({ version: "1.7.2", gpus });
  });

  it.each([
    ["no GPU", `echo '{"version":"1.7.2","gpus":[]}'`, "nvitop 1.7.2 works and sees no GPU"],
    [
      "a driver that is not loaded",
      "echo 'NVMLError_DriverNotLoaded: Driver Not Loaded' >&2; exit 1",
      "modprobe nvidia",
    ],
    [
      "no package",
      "echo \"No module named 'nvitop'\" >&2; exit 1",
      "nvitop is not installed: No module named 'nvitop'",
    ],
    ["anything else", "echo 'GPU is lost' >&2; exit 1", "cannot ask the GPUs"],
  ])("names what is missing: %s", async (_, body, message) => {
    await expect(simulated(body)).rejects.toThrow(message);
  });
});
