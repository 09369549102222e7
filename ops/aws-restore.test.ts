import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { UserError } from "../toolchain/command.ts";
import type { Folders } from "../toolchain/folders.ts";
import { readAwsDatabases, type AwsDatabases } from "./aws-databases.ts";
import { goBackOnAws, restoreOnAws, type AwsRestoreToArgs, type AwsSwitching } from "./aws-restore.ts";
import { parseMoment } from "./moment.ts";

const NOW = Date.parse("2026-11-29T10:00:00Z");
const TO = "2026-11-29T02:30:00Z";
const NAME = "20261129t023000";
const PATH = "aws.data.database";

/** The file of a stack, and what deploys of it made. */
interface World {
  file: AwsDatabases;
  made: string[];
  deployed: string | undefined;
  /** What was done, in order. */
  done: string[];
  /** Called by a deploy; may throw. */
  onDeploy: () => void;
}

let world: World;
/** Moments since which jobs were counted. */
let since: string[];
beforeEach(() => {
  since = [];
  world = {
    file: { restored: [], serving: "first", keepFirst: true },
    ...{ made: ["first"], deployed: "first", done: [], onDeploy: () => undefined },
  };
});

function set(path: string, value: string): void {
  const restored = world.file.restored.map((one) => ({ ...one }));
  const [, at, key] = /restored\[(\d+)\]\.(\w+)$/.exec(path) ?? [];
  if (at === undefined) world.file = { ...world.file, serving: value };
  else {
    restored[Number(at)] = { name: "", from: "first", to: "latest", ...restored[Number(at)], [key ?? ""]: value };
    world.file = { ...world.file, restored };
  }
}

const switching: AwsSwitching = {
  databases: () => world.file,
  change: (change) => {
    for (const [path, value] of Object.entries(change)) {
      set(path, value);
      world.done.push(`${path.replace(`${PATH}.`, "")}=${value}`);
    }
    return Promise.resolve();
  },
  unset: (path) => {
    world.done.push(`rm ${path.replace(`${PATH}.`, "")}`);
    world.file = { ...world.file, restored: world.file.restored.slice(0, -1) };
    return Promise.resolve();
  },
  deploy: async () => {
    world.done.push("deploy");
    world.onDeploy();
    world.made = ["first", ...world.file.restored.map(({ name }) => name)];
    world.deployed = world.file.serving;
    return Promise.resolve([]);
  },
  made: () => Promise.resolve(world.made),
  deployed: () => Promise.resolve(world.deployed),
};

const losses: AwsRestoreToArgs["losses"] = (moment) => {
  since.push(moment.toISOString());
  return Promise.resolve({ jobsLost: 41, jobsAgain: 1 });
};
const restore = (to = TO, isYes = true, count = losses) =>
  restoreOnAws({ stack: "prod", switching, isYes, now: NOW, moment: parseMoment(to, NOW), losses: count });
const back = (named?: string, isYes = true) => goBackOnAws({ stack: "prod", switching, isYes, now: NOW, named });

const ADDED = [`restored[0].name=${NAME}`, "restored[0].from=first", `restored[0].to=${TO}`];
const SWITCHED = [`serving=${NAME}`, "deploy"];

describe("a restore on AWS", () => {
  it("changes nothing without --yes, and says what goes back and what is kept", async () => {
    const { code, text, result } = await restore(TO, false);
    expect([code, world.done]).toEqual([0, []]);
    expect(result).toEqual({
      ...{ database: NAME, from: "first", to: "2026-11-29T02:30:00.000Z", isBegun: false },
      ...{ lostSeconds: 27_000, jobsLost: 41, jobsAgain: 1 },
    });
    expect(since).toEqual(["2026-11-29T02:30:00.000Z"]);
    expect(text).toContain("go back   7 h 30 min: nothing that was written since is in it");
    expect(text).toContain("lose      41 jobs accepted since, and what is accepted until the switch");
    expect(text).toContain("do again  1 job that ended since, and every job that was not finished then");
    expect(text).toContain(`./slipway restore --to ${TO} --yes --stack prod`);
  });

  it("counts what the latest moment may lose by how far RDS is behind", async () => {
    const { text } = await restore("latest", false);
    expect(since).toEqual(["2026-11-29T09:55:00.000Z"]);
    expect(text).toMatch(/go back +up to 5 min/);
    expect(text).toMatch(/lose +up to 41 jobs/);
  });

  it("says so where jobs cannot be counted, and what would be done all the same", async () => {
    const { text, result } = await restore(TO, false, () => Promise.reject(new UserError("The cluster is far.")));
    expect(text).toMatch(/jobs accepted since, which are in first alone[^]*could not be counted. The cluster is far\./);
    expect(result).not.toHaveProperty("jobsLost");
    expect(text).toContain("Nothing was changed.");
  });

  it("makes a database beside by one deploy, and lets the services go there by the next", async () => {
    const { result } = await restore();
    expect(world.done).toEqual([...ADDED, "deploy", ...SWITCHED]);
    expect(result).toEqual({ serves: NAME, kept: ["first"], routes: [] });
  });

  it("of the latest moment is named by the time that it is asked for", async () => {
    await restore("latest");
    expect(world.file).toMatchObject({
      restored: [{ name: "20261129t100000", to: "latest" }],
      serving: "20261129t100000",
    });
  });

  it("is made of the database that serves", async () => {
    await restore();
    world.done = [];
    await restore("2026-11-29T09:00:00Z");
    expect(world.done.slice(0, 3)).toEqual([
      "restored[1].name=20261129t090000",
      `restored[1].from=${NAME}`,
      "restored[1].to=2026-11-29T09:00:00Z",
    ]);
  });

  it("that RDS refuses leaves the file as it was", async () => {
    world.onDeploy = () => {
      throw new UserError("InvalidParameterValue: the moment is not restorable");
    };
    await expect(restore()).rejects.toThrow(/not restorable[^]*was not made; Pulumi\.prod\.yaml is as it was/);
    expect(world.file).toEqual({ restored: [], serving: "first", keepFirst: true });
  });

  it("stays in the file where it was made and the deploy failed after that", async () => {
    world.onDeploy = () => {
      world.made.push(NAME);
      throw new UserError("the budget is not there");
    };
    await expect(restore()).rejects.toThrow(/^the budget/);
    expect(world.file.restored).toMatchObject([{ name: NAME }]);
  });

  /** Killed before any of its steps, the next run comes to the same end and makes no second database. */
  it.each([0, 1, 2, 3])("that is killed before its step %d goes on when it is run again", async (step) => {
    const killed = new Error("killed");
    let left = step;
    const dies = () => {
      if (left-- === 0) throw killed;
    };
    const dying: AwsSwitching = {
      ...switching,
      change: async (change) => {
        dies();
        await switching.change(change);
      },
      deploy: async () => {
        dies();
        return switching.deploy();
      },
    };
    const moment = parseMoment(TO, NOW);
    const attempt = restoreOnAws({ stack: "prod", switching: dying, isYes: true, now: NOW, moment, losses });
    await expect(attempt).rejects.toThrow(/killed/);
    await restore();
    expect(world.file).toMatchObject({ restored: [{ name: NAME }], serving: NAME });
    expect([world.made, world.deployed]).toEqual([["first", NAME], NAME]);
  });

  it("is refused while another switch has not come to its end, with the ways out", async () => {
    await restore();
    world.deployed = "first";
    await expect(restore("2026-11-29T09:00:00Z")).rejects.toThrow(
      new RegExp(`restore --to ${TO} --yes --stack prod[^]*restore --back --to first --yes --stack prod`),
    );
  });

  it("is refused for a label of a backup", async () => {
    await expect(restore("20261129-023000F")).rejects.toThrow(/On AWS backups have none/);
  });
});

describe("going back on AWS", () => {
  it("goes to the database that the serving one was made of, which was kept", async () => {
    await restore();
    world.done = [];
    expect((await back(undefined, false)).text).toMatch(/serve {3}first/);
    expect(world.done).toEqual([]);
    expect((await back()).result).toEqual({ serves: "first", kept: [NAME], routes: [] });
    expect(world.done).toEqual(["serving=first", "deploy"]);
    await back(NAME);
    expect(world.deployed).toBe(NAME);
  });

  it("is refused where there is nothing, or no such one", async () => {
    await expect(back()).rejects.toThrow(/no database to go back to: first was restored from none/);
    await expect(back("other")).rejects.toThrow(/There are: first; first serves/);
  });
});

describe("the databases of a stack's file", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "slipway-databases-"));
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });
  const read = (database: object) => {
    writeFileSync(join(root, "Pulumi.prod.yaml"), stringify({ config: { "slipway:aws": { data: { database } } } }));
    return readAwsDatabases("prod", { root } as Folders);
  };

  it("are read with their defaults", () => {
    expect(read({ caBundle: "rds.pem" })).toEqual({ restored: [], serving: "first", keepFirst: true });
    expect(read({ restored: [{ name: "a" }] }).restored).toEqual([{ name: "a", from: "first", to: "latest" }]);
  });

  it("are refused where they say what cannot be", () => {
    expect(() => read({ serving: "b" })).toThrow(
      /Pulumi\.prod\.yaml: slipway:aws\.data\.database[^]*serving: must be a database that is there/,
    );
    expect(() => read({ restored: [{ name: "A b" }] })).toThrow(/small letters/);
  });
});
