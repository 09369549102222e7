import { Provider } from "@pulumi/aws/provider.js";
import { ComponentResource } from "@pulumi/pulumi";
import type { AwsSettings } from "../../configs/aws-settings.ts";
import type { StackConfig } from "../../configs/stack.ts";
import { keeps } from "../keep.ts";
import type { AwsPlace } from "./place.ts";
import { stackTags } from "./tags.ts";

type Whose = Pick<AwsSettings, "account">;

/** Where all of a stack on AWS stands: a component of its own, with a provider of its region and account. */
export function stackPlace(stack: string, file: StackConfig, settings: AwsSettings): AwsPlace {
  const parent = new ComponentResource("slipway:aws:Platform", "aws");
  const tags = stackTags({ stack, environment: file.environment, own: settings.tags });
  const provider = providerFor("aws", settings.region, settings, parent);
  return { parent, provider, stack, tags, keep: keeps(file) };
}

/** Makes providers as the place's own is, for other regions. */
export function regionProviders(settings: Whose, { parent }: Pick<AwsPlace, "parent">): (region: string) => Provider {
  return (region) => providerFor(`aws-${region}`, region, settings, parent);
}

/** Credentials of another account than the stack's own are refused before anything is made. */
function providerFor(name: string, region: string, { account }: Whose, parent: ComponentResource): Provider {
  return new Provider(name, { region, allowedAccountIds: [account] }, { parent });
}
