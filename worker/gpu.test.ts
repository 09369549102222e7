import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../test/servers/programs.ts";
import { createTestLog } from "../test/servers/stack.ts";
import { readGpus, startGpuMonitor, type GpuMonitor } from "./gpu.ts";

const A = "0, GPU-aaaa, NVIDIA L4, 23034, 512, 37, 61, 72.15";
const B = "1, GPU-bbbb, NVIDIA L4, 23034, 0, 0, 35, [N/A]";

let folder = "";
let monitor: GpuMonitor | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-gpu-"));
});
afterEach(async () => {
  await monitor?.close();
  monitor = undefined;
  rmSync(folder, { recursive: true });
});

const program = () => join(folder, "nvidia-smi");

/** Puts a program in its place at once: the monitor may be starting it. */
function fake(body: string): void {
  writeFileSync(`${program()}.new`, `#!/bin/sh\n${body}\n`);
  chmodSync(`${program()}.new`, 0o755);
  renameSync(`${program()}.new`, program());
}

const says = (...lines: string[]) => {
  fake(`cat <<'END'\n${lines.join("\n")}\nEND`);
};

async function fault(timeoutMs = 5000): Promise<string> {
  return readGpus(program(), timeoutMs).then(
    (gpus) => `no fault: ${JSON.stringify(gpus)}`,
    (error: unknown) => String(error),
  );
}

describe("readGpus, of a simulated nvidia-smi", () => {
  it("reads memory, utilisation and temperature of every GPU, and leaves out what one does not tell", async () => {
    says(A, B, "");
    expect(await readGpus(program())).toEqual([
      {
        index: 0,
        uuid: "GPU-aaaa",
        name: "NVIDIA L4",
        memoryTotalMiB: 23034,
        memoryUsedMiB: 512,
        utilisationPercent: 37,
        temperatureCelsius: 61,
        powerWatts: 72.15,
      },
      {
        index: 1,
        uuid: "GPU-bbbb",
        name: "NVIDIA L4",
        memoryTotalMiB: 23034,
        memoryUsedMiB: 0,
        utilisationPercent: 0,
        temperatureCelsius: 35,
      },
    ]);
  });

  it("asks as documented, and passes nothing of our environment on", async () => {
    process.env["CANARY"] = "canary";
    fake(`echo "$@" > ${folder}/args; env > ${folder}/env; echo '${A}'`);
    await readGpus(program());
    expect(readFileSync(join(folder, "args"), "utf8")).toBe(
      "--query-gpu=index,uuid,name,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw --format=csv,noheader,nounits\n",
    );
    expect(readFileSync(join(folder, "env"), "utf8")).not.toContain("canary");
  });

  it.each<[string, string, RegExp]>([
    [
      "no driver",
      'echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9',
      /ended with 9: "NVIDIA-SMI has failed because/,
    ],
    ["no GPU", "exit 0", /found no GPU; .*WORKER_GPU=none/],
    [
      "a lost GPU",
      "echo 'Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.  Reboot the system to recover this GPU'; exit 15",
      /ended with 15: "Unable to determine .* GPU is lost/,
    ],
    [
      "an Xid text with status 0",
      "echo 'NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus.'",
      /said "NVRM: Xid .*expected 8 values, got 3/,
    ],
    [
      "a GPU that wants a reset",
      "echo '0, GPU-aaaa, NVIDIA L4, 23034, 512, [GPU requires reset], 61, 72'",
      /said "\[GPU requires reset\]" for utilisationPercent.*Xid/,
    ],
    [
      "an unknown error",
      "echo '0, GPU-aaaa, NVIDIA L4, [Unknown Error], 0, 0, 0, 0'",
      /said "\[Unknown Error\]" for memoryTotalMiB/,
    ],
    [
      "no memory told",
      "echo '0, GPU-aaaa, NVIDIA L4, [N/A], 0, 0, 0, 0'",
      /said "\[N\/A\]" for memoryTotalMiB, must be a number/,
    ],
    ["garbage", "head -c 100000 /dev/zero | tr '\\0' x", /said "x{200}"; expected 8 values, got 1/],
    ["a crash", "kill -SEGV $$", /ended with a signal/],
  ])("says what is wrong: %s", async (_, body, message) => {
    fake(body);
    expect(await fault()).toMatch(message);
  });

  it("does not wait for one that hangs, and says when it is not installed", async () => {
    fake("exec sleep 600");
    expect(await fault(200)).toBe("GpuFault: nvidia-smi gave no answer within 0.2 s; the driver hangs");
    rmSync(program());
    expect(await fault()).toMatch(/nvidia-smi was not found; give the container an NVIDIA GPU/);
  });
});

describe("startGpuMonitor, of a simulated nvidia-smi", () => {
  const reason = async () =>
    monitor?.check.run().then(
      () => "ready",
      (error: unknown) => String(error),
    );

  it("is ready once the GPU answers, not while it is lost, and again when it is back", async () => {
    fake("exit 9");
    const { log, lines } = createTestLog();
    const samples: number[] = [];
    const onSample = (gpus: readonly unknown[]) => samples.push(gpus.length);
    monitor = startGpuMonitor({ everyMs: 20, log, program: program(), onSample });
    expect(await reason()).toBe("GpuFault: not looked at yet");
    await until("it was looked at", async () => (await reason()) === 'GpuFault: nvidia-smi ended with 9: ""');
    says(A, B);
    await until("it is ready", async () => (await reason()) === "ready");
    expect(monitor.gpus()).toHaveLength(2);
    says(A);
    await until("the loss is seen", async () => /lost NVIDIA L4 \(GPU-bbbb\)/.test((await reason()) ?? ""));
    expect(monitor.gpus()).toEqual([]);
    says(A, B);
    await until("it is ready again", async () => (await reason()) === "ready");
    expect(samples.every((count) => count === 2)).toBe(true);
    // Told once each, not with every look.
    expect(lines.map(({ msg }) => msg).slice(0, 3)).toEqual([
      "GPUs cannot be used",
      "GPUs answer",
      "GPUs cannot be used",
    ]);
  });
});
