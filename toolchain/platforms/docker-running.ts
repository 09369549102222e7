import type Docker from "dockerode";
import { servingRelease } from "../../infra/docker/edge-switch.ts";
import { engineOf } from "../../infra/docker/engine.ts";
import { ignoringAbsent } from "../engine-answers.ts";
import type { Copy, Running } from "../deployment/truth.ts";

/** Labels that infra/docker/labels.ts writes. */
const label = (name: "stack" | "service", value: string) => [`slipway.${name}`, value].join("=");

/** Starts after which a container counts as one that will not come up by itself. */
const CRASH_LOOP = 3;

/** What an engine has running of a stack's services, and which release its edge sends requests to. */
export async function dockerRunning(docker: Docker, stack: string, services: readonly string[]): Promise<Running> {
  const copies = await Promise.all(services.map((service) => copiesOf(docker, stack, service)));
  const entry = await activeRelease(docker, stack);
  return { copies: copies.flat(), ...(entry !== undefined && { entry }) };
}

/** Containers that run, or ran and were not told to stop. One that a release left behind when it was given up is stopped. */
async function copiesOf(docker: Docker, stack: string, service: string): Promise<Copy[]> {
  const filters = { label: [label("stack", stack), label("service", service)] };
  const listed = await docker.listContainers({ all: true, filters });
  const copies = await Promise.all(
    listed.map(async ({ Id }) => {
      // It may go between the list and the question.
      const inspected = await ignoringAbsent(docker.getContainer(Id).inspect());
      if (inspected === undefined || inspected.State.Status === "exited") return [];
      const { Name, Image, State, RestartCount, NetworkSettings } = inspected;
      const release = Object.values(NetworkSettings.Networks)
        .flatMap((network) => (network as { readonly Aliases?: readonly string[] | null }).Aliases ?? [])
        .find((alias) => new RegExp(`^${service}-[0-9a-f]+$`).test(alias));
      const common = { service, name: Name.slice(1), image: Image, ...(release !== undefined && { release }) };
      return [{ ...common, ...stateOf({ ...State, RestartCount }) }];
    }),
  );
  return copies.flat();
}

interface ContainerState {
  readonly Status: string;
  readonly ExitCode: number;
  readonly RestartCount: number;
  readonly Health?: { readonly Status: string } | undefined;
}

/** How a container is. */
export function stateOf({ Status, ExitCode, RestartCount, Health }: ContainerState): Pick<Copy, "state" | "reason"> {
  if (Status === "running" && Health?.Status === "healthy") return { state: "ready" };
  if (RestartCount >= CRASH_LOOP)
    return { state: "failing", reason: `started again ${RestartCount} times, each time after exit code ${ExitCode}` };
  if (Status === "restarting") return { state: "starting", reason: `restarts after exit code ${ExitCode}` };
  if (Status === "running" && Health?.Status === "starting") return { state: "starting", reason: "starts" };
  if (Status === "running") return { state: "failing", reason: `its health check says ${Health?.Status ?? "nothing"}` };
  return { state: "failing", reason: `${Status}, exit code ${ExitCode}` };
}

/** The release that the edge's link leads to; nothing where no edge runs, or it was told of none yet. */
async function activeRelease(docker: Docker, stack: string): Promise<string | undefined> {
  const filters = { label: [label("stack", stack), label("service", "edge")] };
  const [edge] = await docker.listContainers({ filters });
  if (edge === undefined) return undefined;
  return servingRelease(engineOf(docker), edge.Id);
}
