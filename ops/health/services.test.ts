import { afterEach, describe, expect, it } from "vitest";
import { startAnswers, type Answers, type SimulatedStack } from "../../test/servers/answers.ts";
import { simulatedSight, simulatedWorld } from "../../test/servers/sight.ts";
import type { LogLine, Seen } from "../sight/sight.ts";
import {
  askSummary,
  lookAtArtifacts,
  lookAtContainers,
  lookAtDisk,
  lookAtLogs,
  lookAtNetwork,
  lookAtRoutes,
  lookAtSpeech,
  lookAtUsage,
} from "./services.ts";
import type { World } from "./world.ts";

let server: SimulatedStack | undefined;
afterEach(() => server?.end());

const JSON_TYPE = "application/json";
const PROBES: Answers = Object.fromEntries(
  ["GET /", "GET /health/live", "GET /health/ready", "GET /api/v1/health"].map((route) => [
    route,
    [200, JSON_TYPE, "{}"] as const,
  ]),
);

async function answering(answers: Answers): Promise<World> {
  server = await startAnswers(answers, () => true);
  const { url } = server;
  return simulatedWorld({ url, summary: () => askSummary(url) });
}

describe("containers", () => {
  const seen = (more: Partial<Seen> = {}): Seen => ({
    ...{ service: "api", name: "api-1", image: "a", standing: "ready", restarts: 0 },
    ...more,
  });
  const look = (containers: readonly Seen[], wanted: Readonly<Record<string, number>>) =>
    lookAtContainers(
      simulatedWorld({ sight: simulatedSight({ containers: async () => containers, wanted: async () => wanted }) }),
    );

  it.each([
    ["all ready", [seen()], "good", "api 1/1"],
    ["one that starts beside one that is ready", [seen(), seen({ standing: "starting" })], "warning", "api 1/2"],
    [
      "one that is unhealthy",
      [seen(), seen({ standing: "unhealthy", reason: "no answer\nmore" })],
      "bad",
      "api 1/2 (no answer)",
    ],
    ["none ready", [seen({ standing: "starting" })], "bad", "api 0/1"],
    ["one that is started again and again", [seen({ restarts: 3 })], "warning", "api-1 was started again 3 times"],
  ] as const)("%s", async (_what, containers, state, detail) => {
    const found = await look(containers, { api: containers.length });
    expect(found).toMatchObject({ state, detail });
    if (state !== "good") expect(found.mend).toMatch(/docker logs api/);
  });

  it("of which there are none at all are bad", async () => {
    expect(await look([], {})).toMatchObject({ state: "bad", detail: "there is none" });
  });
});

describe("routes", () => {
  it("all answer", async () => {
    expect((await lookAtRoutes(await answering(PROBES))).state).toBe("good");
  });

  it("are bad where one says otherwise, or nobody answers", async () => {
    const world = await answering({ ...PROBES, "GET /health/ready": [503, JSON_TYPE, "{}"] });
    expect(await lookAtRoutes(world)).toEqual({
      ...{ state: "bad", detail: "/health/ready: 503" },
      mend: "See: ./slipway logs --stack prod api --level warn",
    });
    await server?.end();
    const gone = await lookAtRoutes(world);
    expect(gone.state).toBe("bad");
    expect(gone.detail.match(/connect ECONNREFUSED/g)).toHaveLength(4);
  });
});

describe("network and artifacts", () => {
  const summary = (dependencies: object, warnings: readonly string[] = []) =>
    answering({
      "GET /api/v1/health": [503, JSON_TYPE, JSON.stringify({ status: "unhealthy", dependencies, warnings })],
    });
  const WELL = { database: "ok", redis: "ok", objects: "ok" };

  it("are good where the API reaches all", async () => {
    const world = await summary(WELL);
    expect((await lookAtNetwork(world)).state).toBe("good");
    expect(await lookAtArtifacts(world)).toEqual({ state: "good", detail: "the object store answers" });
  });

  it("warn of a queue that no worker serves", async () => {
    const found = await lookAtNetwork(await summary(WELL, ["no worker serves gpu"]));
    expect(found).toMatchObject({ state: "warning", detail: "no worker serves gpu" });
  });

  it("are bad where one is away, each for itself", async () => {
    const redis = await summary({ ...WELL, redis: "connection is end" });
    expect(await lookAtNetwork(redis)).toMatchObject({ state: "bad", detail: "api to redis: connection is end" });
    expect((await lookAtArtifacts(redis)).state).toBe("good");
    await server?.end();
    const objects = await summary({ ...WELL, objects: "ENOSPC" });
    expect(await lookAtArtifacts(objects)).toMatchObject({ state: "bad", detail: "objects: ENOSPC" });
    await server?.end();
    const old = await summary({ database: "ok" });
    expect((await lookAtArtifacts(old)).state).toBe("unknown");
  });
});

describe("speech", () => {
  const look = (output: string, code = 0, engine = "espeak-ng") =>
    lookAtSpeech(simulatedWorld({ engine, sight: simulatedSight({ run: async () => ({ code, output }) }) }));

  it("is a word that the worker's engine says", async () => {
    expect((await look("24102\n")).state).toBe("good");
    expect(await look("44\n")).toMatchObject({ state: "bad", detail: "espeak-ng gives 44\n" });
    expect((await look("24102\n", 124)).state).toBe("bad");
    expect((await look("24102\n", 0, "kokoro")).state).toBe("unknown");
    expect((await lookAtSpeech(simulatedWorld({}))).state).toBe("unknown");
  });
});

describe("cpu and memory", () => {
  const look = (memoryPercent: number, of: "cpuPercent" | "memoryPercent" = "memoryPercent") => {
    const usage = async () => [
      { name: "api-1", cpuPercent: 95, memoryPercent: 10 },
      { name: "redis-1", cpuPercent: 5, memoryPercent },
    ];
    return lookAtUsage(simulatedWorld({ sight: simulatedSight({ usage }) }), of);
  };

  it("are judged by the container that is nearest to its limit", async () => {
    expect((await look(84)).state).toBe("good");
    expect(await look(85)).toEqual({
      ...{ state: "warning", detail: "at most 85 % of a limit (redis-1)" },
      mend: "Raise its limit in Pulumi.prod.yaml, or add replicas.",
    });
    expect((await look(95)).state).toBe("bad");
    expect(await look(10, "cpuPercent")).toMatchObject({ state: "warning", detail: "at most 95 % of a limit (api-1)" });
  });

  it("are not known where nobody measures, or nothing runs", async () => {
    const empty = simulatedWorld({ sight: simulatedSight({ usage: async () => [] }) });
    expect((await lookAtUsage(empty, "memoryPercent")).state).toBe("unknown");
    expect((await lookAtUsage(simulatedWorld({}), "memoryPercent")).state).toBe("unknown");
  });
});

describe("disks", () => {
  /** Lines of `df --output=pcent,iavail,itotal` by service. */
  const look = (lines: Readonly<Record<string, string>>) => {
    const run = async (service: string) => {
      const output = lines[service];
      return output === undefined ? undefined : { code: 0, output };
    };
    return lookAtDisk(simulatedWorld({ sight: simulatedSight({ run }) }));
  };

  it.each([
    ["room on all", { postgres: " 41% 6143523 6553600", redis: " 41% 6143523 6553600" }, "good", /postgres: 59 % free/],
    ["little room", { postgres: " 81% 6143523 6553600", redis: " 41% 1 1" }, "warning", /^postgres: 19 % free$/],
    ["next to none", { postgres: " 81% 6143523 6553600", redis: " 95% 9 9" }, "bad", /^redis: 5 % free$/],
    ["too many files", { backup: " 10% 327680 6553600" }, "bad", /^backup: 90 % free, 5 % of inodes$/],
    ["a file system that counts no files", { backup: " 10%      0       0" }, "good", /^backup: 90 % free$/],
    ["none that can be seen", { postgres: "" }, "unknown", /no disk of data/],
  ] as const)("with %s", async (_what, lines, state, detail) => {
    const found = await look(lines);
    expect(found.state).toBe(state);
    expect(found.detail).toMatch(detail);
  });
});

describe("logs", () => {
  const look = async (texts: readonly (readonly [service: string, text: string])[]) => {
    let since = 0;
    const logs = async ({ sinceSeconds }: { sinceSeconds: number }, take: (line: LogLine) => void) => {
      since = sinceSeconds;
      for (const [service, text] of texts) take({ time: "2026-11-29T12:00:00Z", service, name: `${service}-1`, text });
    };
    const found = await lookAtLogs(simulatedWorld({ sight: simulatedSight({ logs }) }));
    expect(since).toBe(600);
    return found;
  };
  const error = ["api", '{"level":"error","msg":"job store"}'] as const;

  it("count lines at error and worse, ours and those of others", async () => {
    expect(await look([["api", '{"level":"warn","msg":"slow"}']])).toEqual({
      ...{ state: "good", detail: "0 lines at error in 10 min" },
    });
    const fatal = ["postgres", "2026-11-29 12:00:00 UTC [7] FATAL:  too many connections"] as const;
    expect(await look([error, error, fatal])).toEqual({
      ...{ state: "warning", detail: "3 lines at error in 10 min (api 2, postgres 1)" },
      mend: "./slipway logs --stack prod --level error --since 10m",
    });
    expect((await look(Array.from({ length: 100 }, () => error))).state).toBe("bad");
  });
});
