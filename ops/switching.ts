import { setTimeout as sleep } from "node:timers/promises";
import { FIRST } from "../configs/aws-generations.ts";
import { nameOf } from "../infra/plan/urn.ts";
import { UserError } from "../toolchain/command.ts";
import { Edge } from "../toolchain/edge.ts";
import { smoke, type RouteResult } from "../toolchain/smoke.ts";
import type { Deployment } from "../toolchain/stack.ts";
import type { Steps } from "../toolchain/steps.ts";
import { makeToken } from "../toolchain/token.ts";
import { readAwsDatabases, type AwsDatabases } from "./aws-databases.ts";
import type { AwsSwitching } from "./aws-restore.ts";
import { StackAtHand } from "./stack-at-hand.ts";
import { readGenerations, type Change, type Generations } from "./generations.ts";

/** Seconds that the API may take to answer after a deploy, which has waited for its containers already. */
const READY_SECONDS = 60;

/** What a database on AWS is, for Pulumi; infra/aws/database.ts names them. */
const DATABASE_TYPE = "aws:rds/instance:Instance";

/** What changes which data serves: the stack's file, and a deploy. */
export interface Switching {
  /** What the stack's file says. */
  generations(): Generations;
  change(change: Change): Promise<void>;
  /** Takes a generation out of those that are kept. */
  forget(generation: string): Promise<void>;
  /**
   * Deploys what the file says, waits until the API answers, and asks every route.
   *
   * @param allow logical names of data that it may delete
   * @throws UserError where it cannot, or a route does not answer as it must
   */
  deploy(allow?: readonly string[]): Promise<readonly RouteResult[]>;
  /** Whether Pulumi refuses to delete any of these, by their logical names. */
  isProtected(resources: readonly string[]): Promise<boolean>;
  /** The generation that the last deploy came to its end with; nothing where there was none. */
  deployed(): Promise<string | undefined>;
}

/** The stack as this checkout has it. */
export class StackSwitching implements Switching, AwsSwitching {
  readonly #hand: StackAtHand;

  constructor(name: string, steps: Steps) {
    this.#hand = new StackAtHand(name, steps);
  }

  generations(): Generations {
    return readGenerations(this.#hand.name, this.#hand.folders);
  }

  async change(change: Change): Promise<void> {
    const stack = await this.#hand.stack();
    await this.#hand.steps.run("Stack file", () => stack.setConfig(change));
  }

  async forget(generation: string): Promise<void> {
    const at = this.generations().kept.indexOf(generation);
    if (at >= 0) await this.unset(`data.kept[${at}]`);
  }

  async deploy(allow: readonly string[] = []): Promise<readonly RouteResult[]> {
    const { steps } = this.#hand;
    const stack = await this.#hand.deploy(allow);
    return this.#hand.reached(async (url) => {
      const edge = new Edge(url, await makeToken(await stack.jwtKeys()));
      await steps.run("API", () => answers(edge));
      return steps.run(
        "Smoke check",
        (report) => allWell(edge, report),
        (results) => `${results.length} routes`,
      );
    });
  }

  async isProtected(names: readonly string[]): Promise<boolean> {
    const stack = await this.#hand.stack();
    const { resources = [] } = (await stack.exists()) ? (await stack.export()).deployment : {};
    return resources.some(({ urn, protect }) => protect === true && names.includes(nameOf(urn)));
  }

  async deployed(): Promise<string | undefined> {
    const { dataGeneration } = await (await this.#hand.opened()).outputs();
    return typeof dataGeneration === "string" ? dataGeneration : undefined;
  }

  /** Takes a value out of the stack's file. */
  async unset(path: string): Promise<void> {
    const stack = await this.#hand.stack();
    await this.#hand.steps.run("Stack file", () => stack.removeConfig(path));
  }

  databases(): AwsDatabases {
    return readAwsDatabases(this.#hand.name, this.#hand.folders);
  }

  async made(): Promise<readonly string[]> {
    return databasesIn(await (await this.#hand.stack()).export());
  }
}

/** Names of the databases that a stack has on AWS. @param deployment as `pulumi stack export` gives it */
export function databasesIn({ deployment }: Deployment): readonly string[] {
  const databases = (deployment.resources ?? []).filter(({ type }) => type === DATABASE_TYPE);
  const names = databases.map(({ urn }) => nameOf(urn));
  return names.map((name) => (name === "database" ? FIRST : name.replace(/^database-/, "")));
}

/** Waits until the API answers. */
export async function answers(edge: Edge): Promise<void> {
  const until = Date.now() + READY_SECONDS * 1000;
  for (;;) {
    try {
      await edge.request("GET", "/health/ready", 200);
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(500);
    }
  }
}

/** Asks every route. @throws UserError listing those that do not answer as they must */
export async function allWell(edge: Edge, report: (detail: string) => void): Promise<readonly RouteResult[]> {
  const results = await smoke(edge, ({ route }) => {
    report(route);
  });
  const faults = results.filter(({ ok }) => !ok).map(({ route, detail }) => `  ${route}: ${detail}`);
  if (faults.length > 0) throw new UserError(`The stack is up and does not answer as it must:\n${faults.join("\n")}`);
  return results;
}
