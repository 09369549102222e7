import { expect } from "vitest";
import type { ListedRelease } from "../../ops/releases.ts";
import { ALONE } from "./load.ts";
import type { TypedStack } from "./typed-stack.ts";

/** What services run from, as the cluster is told. */
export async function imagesOf(stack: TypedStack): Promise<string[]> {
  const all = await stack.get(["deployments"], "{.items[*].spec.template.spec.containers[*].image}");
  return all.split(" ").sort();
}

/** Ids of the API's own pods, without those of a canary. */
export function podsOfApi(stack: TypedStack): Promise<string> {
  return stack.get(["pods", "--selector=app.kubernetes.io/name=api,!slipway/track"], "{.items[*].metadata.uid}");
}

/** What is left of a canary. */
export function canaries(stack: TypedStack): Promise<string> {
  return stack.get(["deployments", "--selector=slipway/track=canary"], "{.items[*].metadata.name}");
}

/** The version that answers. */
export async function servedBy(stack: TypedStack): Promise<string> {
  return ((await (await stack.request("/", undefined, ALONE)).json()) as { version: string }).version;
}

export async function releasesOf(stack: TypedStack): Promise<readonly ListedRelease[]> {
  const { code, result, text } = await stack.asked<{ deployments: ListedRelease[] }>("releases");
  expect(code, text).toBe(0);
  return result.deployments;
}
