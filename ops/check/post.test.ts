import { afterEach, describe, expect, it } from "vitest";
import { generatedRing } from "../../configs/credential-keys.ts";
import { ANSWERS, startAnswers, type Answers, type SimulatedStack } from "../../test/servers/answers.ts";
import { simulatedSight, simulatedWorld } from "../../test/servers/sight.ts";
import type { Asked, Copy, Running } from "../../toolchain/deployment/truth.ts";
import { readJobStore } from "../health/job-store.ts";
import type { World } from "../health/world.ts";
import type { Seen, Sight } from "../sight/sight.ts";
import { checkDeployed, judgeImages, lookAtVersions } from "./post.ts";

const image = (digit: string) => `sha256:${digit.repeat(64)}`;

const seen = (service: string, more: Partial<Seen> = {}): Seen => ({
  ...{ service, name: `slipway-dev-${service}-1-0a1b2c3`, image: image("a"), standing: "ready", restarts: 0 },
  ...more,
});

const state = (...images: string[]) => ({
  deployment: {
    resources: images.map((one, at) => ({
      ...{ urn: `urn:${at}`, type: "docker:index/container:Container" },
      outputs: { image: one, restart: "unless-stopped" },
    })),
  },
});

const asked: Asked = {
  api: { image: image("a"), release: "api-1", replicas: 1 },
  "worker-cpu": { image: image("b"), release: "worker-cpu-1" },
};

const copy = (service: string, digit: string, more: Partial<Copy> = {}): Copy => ({
  ...{ service, name: `${service}-x`, image: image(digit), state: "ready" as const },
  ...more,
});
const asAsked: Running = { copies: [copy("api", "a"), copy("worker-cpu", "b")] };

const STORE = { orphans: 0, stuck: 0, blocked: 0, outbox: 0, connections: 9, maxConnections: 100, queues: {} };

/** A stack of which all is well, but for what is given. */
function world(url: string, more: Partial<Sight> = {}, store: object = {}): World {
  const sight = simulatedSight({
    containers: async () => [seen("api"), seen("worker-cpu", { image: image("b") })],
    wanted: async () => ({ api: 1, "worker-cpu": 1 }),
    ...more,
  });
  return simulatedWorld({ sight, url, jobStore: async () => readJobStore({ ...STORE, ...store }) });
}

const deployed = (url: string, running: Running, more: Partial<Sight> = {}) => ({
  ...{ world: world(url, more), state: state(), asked, running: async () => running },
});

const NOWHERE = "http://127.0.0.1:9";

describe("what runs", () => {
  const look = (running: Running, more?: Partial<Sight>) => lookAtVersions(deployed(NOWHERE, running, more), 0);

  it("is well where it is what was asked for, and only the asked services are looked at", async () => {
    const services: (readonly string[])[] = [];
    const running = async (of: readonly string[]) => {
      services.push(of);
      return asAsked;
    };
    expect(await lookAtVersions({ ...deployed(NOWHERE, asAsked), running }, 0)).toEqual({
      ...{ state: "good", detail: "2 copies of 2 services run as asked for" },
    });
    expect(services).toEqual([["api", "worker-cpu"]]);
  });

  it.each<[string, Running, string]>([
    [
      "a platform that has gone back as a whole",
      {
        copies: [copy("api", "c"), copy("worker-cpu", "d")],
        templates: { api: image("c"), "worker-cpu": image("d") },
      },
      "api: api-x runs sha256:cccccccccccc, asked for sha256:aaaaaaaaaaaa",
    ],
    [
      "a Deployment that was scaled to none after it was changed",
      { copies: [copy("api", "a")], templates: { api: image("a"), "worker-cpu": image("d") } },
      "worker-cpu: its Deployment names sha256:dddddddddddd, asked for sha256:bbbbbbbbbbbb",
    ],
    ["an edge that leads elsewhere", { ...asAsked, entry: "api-0" }, "api: requests go to api-0, asked for api-1"],
    ["a rollout that was given up", { ...asAsked, faults: ["api: given up"] }, "api: given up"],
    ["nothing", { copies: [] }, "api: 0 ready, asked for 1"],
  ])("is bad where it is %s", async (_what, running, reason) => {
    // Every container of a service runs one image: that alone says nothing.
    const whole = { containers: async () => [seen("api", { image: image("c") })] };
    const found = await look(running, whole);
    expect(found.state).toBe("bad");
    expect(found.detail).toContain(reason);
    expect(found.mend).toContain("./slipway refresh --yes --stack prod && make up STACK=prod");
  });

  it("waits for what starts", async () => {
    const looks: Running[] = [{ copies: [copy("api", "a", { state: "starting", reason: "starts" })] }, asAsked];
    const running = async () => looks.shift() ?? asAsked;
    expect((await lookAtVersions({ ...deployed(NOWHERE, asAsked), running }, 5)).state).toBe("good");
  });

  it("is judged by its images where the stack is of before `asked`, and beside it", async () => {
    const old = { ...deployed(NOWHERE, { copies: [] }), asked: undefined };
    expect(await lookAtVersions(old, 0)).toMatchObject({ state: "good", detail: "2 images run, as asked for" });
    const besides = { ...deployed(NOWHERE, asAsked), state: state(image("e")) };
    expect(await lookAtVersions(besides, 0)).toMatchObject({
      ...{ state: "bad", detail: "sha256:eeeeeeeeeeee was asked for, and does not run" },
      mend: "Deploy it again: make up STACK=prod",
    });
  });

  it("of a service in two versions is a warning", () => {
    expect(judgeImages([seen("api")], state(image("a")), "prod").state).toBe("good");
    const two = [seen("api"), seen("api", { image: image("b") })];
    expect(judgeImages(two, state(), "prod")).toMatchObject({
      ...{ state: "warning", detail: "api runs in more than one version" },
    });
  });
});

describe("check --post", () => {
  let server: SimulatedStack | undefined;
  afterEach(() => server?.end());

  async function check(answers: Answers, sight: Partial<Sight> = {}, store: object = {}) {
    server = await startAnswers(answers, (token) => token !== "");
    const jwtKeys = generatedRing("canary".repeat(8).slice(0, 44), "first");
    const args = { ...deployed(server.url, asAsked), jwtKeys, world: world(server.url, sight, store) };
    return checkDeployed(args);
  }

  it("has nothing against a stack that is well", async () => {
    expect((await check(ANSWERS)).map(({ name, state: is }) => `${name} ${is}`)).toEqual([
      ...["containers good", "versions good", "routes and queues good", "waiting good", "database good"],
    ]);
  });

  it("finds a container that does not run, a route, jobs that nobody takes, and rows that say against each other", async () => {
    const answers = { ...ANSWERS, "GET /health/ready": [503, "text/plain", "redis: away"] } as const;
    const stopped = seen("api", { standing: "stopped", reason: "exited, exit code 137" });
    const findings = await check(answers, { containers: async () => [stopped] }, { stuck: 2, queues: { cpu: 700 } });
    const bad = findings.filter(({ state: is }) => is === "bad");
    expect(bad.map(({ name, detail }) => `${name}: ${detail}`)).toEqual([
      "containers: api 0/1 (exited, exit code 137); worker-cpu 0/1",
      "routes and queues: GET /health/ready: GET /health/ready: status 503, expected 200: redis: away",
      "waiting: cpu waits 11 min 40 s",
      "database: 2 jobs held by workers that are gone",
    ]);
    for (const { mend } of bad) expect(mend).toMatch(/docker logs|--stack prod|Pulumi\.prod\.yaml/);
  });

  it("says that no queue moves, where a job never ends well", async () => {
    const dead = '{"id":"5","state":"dead","error":{"code":"timeout","message":"no worker"}}';
    const findings = await check({ ...ANSWERS, "GET /api/v1/jobs/5": [200, "application/json", dead] });
    const [routes] = findings.filter(({ state: is }) => is === "bad");
    expect(routes).toMatchObject({ name: "routes and queues" });
    expect(routes?.detail).toContain("Job 5 dead: timeout no worker");
  });
});
