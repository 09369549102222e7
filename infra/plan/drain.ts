import { PlanError } from "./plan-error.ts";

/**
 * How a process is told to go, agreed through all layers. What each layer waits is longer than what the one inside it
 * needs, else work is killed that was about to end, or requests reach a process that is gone:
 *
 *     |<- preStop ->|<- drain: linger, work, closing ->|<- margin ->|
 *     |<- deregistration of the load balancer -------->|            |
 *     |<- grace ---------------------------------------------------->|<- node
 *     |<- idle time of the load balancer -------------------------------> |<- keep-alive of the server
 */

/** Seconds that whoever ends a process gives beyond its drain time, so that it is never killed while it closes. */
export const KILL_MARGIN_SECONDS = 5;

/** Seconds of the API's drain time in which it serves on, not ready any more; `DRAIN_LINGER_SECONDS`. */
export const LINGER_SECONDS = 3;

/** Seconds of a worker's drain time that are kept for closing: jobs have ended or are handed back before them. */
export const CLOSING_SECONDS = 3;

/** Seconds that the API keeps an idle connection open. */
export const SERVER_KEEP_ALIVE_SECONDS = 72;

/** Seconds from a spot instance's notice to its end. */
export const SPOT_NOTICE_SECONDS = 120;

/** Seconds that EKS waits for the pods of a node when it updates a node group; then the update fails. */
export const EKS_NODE_DRAIN_SECONDS = 900;

/** From the notice to the eviction: it takes its way through EventBridge and the cluster's API. */
const SPOT_REACTION_SECONDS = 5;

/** Pods are evicted one after another where a budget says so; the next waits for the first one's successor. */
const NODE_MARGIN_SECONDS = 60;

/** The load balancer must stop using a connection before the server closes it, or a request meets the close. */
const KEEP_ALIVE_LEAD_SECONDS = 10;

/** AWS's default. */
const LEAST_IDLE_SECONDS = 60;

const DRAIN_RANGE = { least: 5, most: 3600 } as const;

/**
 * Seconds between the order to go and SIGTERM in which those that send requests take a pod out: kube-proxy and an ingress
 * hear of it within seconds, a load balancer's targets are taken out by a controller.
 */
const PRE_STOP_SECONDS = { "load-balancer": 15, cluster: 5, none: 0 } as const satisfies Record<string, number>;

/** Who sends requests to a service. */
export type Traffic = keyof typeof PRE_STOP_SECONDS;

export interface DrainInput {
  /** Name of the service, or of the queue's workers. */
  readonly name: string;
  /**
   * `drainSeconds`: from SIGTERM to the end, 5..3600; jobs that take longer are handed back. `longestJobSeconds`: no job is
   * handed back, the drain time follows.
   */
  readonly time: { readonly drainSeconds: number } | { readonly longestJobSeconds: number };
  readonly traffic: Traffic;
  /** What its nodes are. */
  readonly capacity: "on-demand" | "spot";
  /** Seconds that a node waits at most for its pods; `EKS_NODE_DRAIN_SECONDS` on EKS. @default no limit */
  readonly nodeDrainLimitSeconds?: number;
  /** Key of the stack's file, without `slipway:`, that sets the time. @default "drainSeconds" */
  readonly key?: string;
}

/** What every layer is told about one service. */
export interface DrainPlan {
  /** The pod's preStop, 0 for none. It must sleep in the kubelet (`lifecycle.preStop.sleep`): the images have no shell. */
  readonly preStopSeconds: number;
  /** The process, from SIGTERM to its end: `DRAIN_SECONDS`. */
  readonly drainSeconds: number;
  /** Part of the drain time in which jobs may end by themselves. */
  readonly workSeconds: number;
  /** The pod, from the order to go to SIGKILL: `terminationGracePeriodSeconds`. */
  readonly graceSeconds: number;
  /** A container without preStop, from SIGTERM to SIGKILL. */
  readonly containerGraceSeconds: number;
  /** A node, from its first eviction to its end. */
  readonly nodeDrainSeconds: number;
  /** Present where a load balancer sends the requests. */
  readonly loadBalancer?: {
    readonly deregistrationDelaySeconds: number;
    readonly idleTimeoutSeconds: number;
    readonly serverKeepAliveSeconds: number;
  };
}

/** Adds up what every layer has to wait. */
export function planDrain({ time, traffic }: DrainInput): DrainPlan {
  const drainSeconds = "drainSeconds" in time ? time.drainSeconds : time.longestJobSeconds + CLOSING_SECONDS;
  const preStopSeconds = PRE_STOP_SECONDS[traffic];
  const graceSeconds = preStopSeconds + drainSeconds + KILL_MARGIN_SECONDS;
  return {
    preStopSeconds,
    drainSeconds,
    workSeconds: drainSeconds - (traffic === "none" ? CLOSING_SECONDS : LINGER_SECONDS),
    graceSeconds,
    containerGraceSeconds: drainSeconds + KILL_MARGIN_SECONDS,
    nodeDrainSeconds: graceSeconds + NODE_MARGIN_SECONDS,
    ...(traffic === "load-balancer"
      ? {
          loadBalancer: {
            // Until the process ends, not longer: what is still under way then has been cut by it.
            deregistrationDelaySeconds: preStopSeconds + drainSeconds,
            // Who waits for an answer waits longer than the process may take for it.
            idleTimeoutSeconds: Math.max(LEAST_IDLE_SECONDS, graceSeconds + 1),
            serverKeepAliveSeconds: SERVER_KEEP_ALIVE_SECONDS,
          },
        }
      : {}),
  };
}

/** Longest drain time that a service may have, in seconds. */
export function mostDrainSeconds(input: Omit<DrainInput, "time">): number {
  const allowed = boundsOf(input).map(({ grace }) => grace - PRE_STOP_SECONDS[input.traffic] - KILL_MARGIN_SECONDS);
  return Math.min(DRAIN_RANGE.most, ...allowed);
}

/**
 * Refuses services that a layer would end before they are done.
 *
 * @param stack  the stack's name, for messages
 * @param inputs every service
 * @throws PlanError with every fault, the numbers and the key to change
 */
export function assertDrain(stack: string, inputs: readonly DrainInput[]): void {
  const faults = inputs.flatMap(drainFaults);
  if (faults.length > 0) throw new PlanError(stack, "drain times", faults);
}

interface Bound {
  /** Longest grace period that it allows, in seconds. */
  readonly grace: number;
  readonly why: string;
  readonly otherwise: string;
}

/** What limits the grace period of a service. */
function boundsOf({ traffic, capacity, nodeDrainLimitSeconds }: Omit<DrainInput, "time">): Bound[] {
  return [
    ...(capacity === "spot"
      ? [
          {
            grace: SPOT_NOTICE_SECONDS - SPOT_REACTION_SECONDS,
            why: `a spot instance ends ${SPOT_NOTICE_SECONDS} s after its notice, which takes ${SPOT_REACTION_SECONDS} s to arrive`,
            otherwise: "or let it run on demand",
          },
        ]
      : []),
    ...(traffic === "load-balancer"
      ? [
          {
            grace: SERVER_KEEP_ALIVE_SECONDS - KEEP_ALIVE_LEAD_SECONDS - 1,
            why: `the load balancer waits longer than that, and ${KEEP_ALIVE_LEAD_SECONDS} s less than the server keeps idle connections (${SERVER_KEEP_ALIVE_SECONDS} s)`,
            otherwise: "requests end sooner",
          },
        ]
      : []),
    ...(nodeDrainLimitSeconds === undefined
      ? []
      : [
          {
            grace: nodeDrainLimitSeconds - NODE_MARGIN_SECONDS,
            why: `a node waits ${nodeDrainLimitSeconds} s at most, of which ${NODE_MARGIN_SECONDS} s are for evictions`,
            otherwise: "longer jobs are handed back, or must be split",
          },
        ]),
  ];
}

function drainFaults(input: DrainInput): string[] {
  const { name, time, key = "drainSeconds" } = input;
  const { preStopSeconds, drainSeconds, graceSeconds } = planDrain(input);
  const isJob = "longestJobSeconds" in time;
  const got = `slipway:${key} is ${isJob ? time.longestJobSeconds : drainSeconds}`;
  const { least, most } = DRAIN_RANGE;
  const offset = isJob ? CLOSING_SECONDS : 0;
  if (!Number.isInteger(drainSeconds) || drainSeconds < least || drainSeconds > most)
    return [`${got}, must be a whole number of ${least - offset}..${most - offset} seconds.`];
  return boundsOf(input)
    .filter(({ grace }) => graceSeconds > grace)
    .map(({ grace, why, otherwise }) => {
      const allowed = grace - preStopSeconds - KILL_MARGIN_SECONDS - offset;
      return (
        `${got}: ${name} would need ${graceSeconds} s to go (${preStopSeconds} before SIGTERM, ${drainSeconds} to drain, ` +
        `${KILL_MARGIN_SECONDS} spare), allowed are ${grace}: ${why}. Lower it to ${allowed} at most; ${otherwise}.`
      );
    });
}
