import { at, is, ofEach, value } from "../checks.ts";
import { everyContainer } from "../pods.ts";
import type { Rule } from "../rule.ts";
import { AWS, DOCKER, WORKLOADS } from "../types.ts";
import { UNKNOWN } from "../unknown.ts";

const DIGEST = /(^|@)sha256:[0-9a-f]{64}$/;

/** `registry:5000/name:tag`: a colon before the last slash is a port's. */
const tagOf = (image: string) => /:([^/:@]+)(@|$)/.exec(image)?.[1];

const isTagged = (image: unknown) =>
  typeof image === "string" && tagOf(image) !== undefined && tagOf(image) !== "latest";

/** Brought to the nodes by hand there is no digest of a registry: their tags are hashes of what is in them. */
const isPinned = (container: unknown) => {
  const image = at(container, "image");
  if (image === UNKNOWN || (typeof image === "string" && DIGEST.test(image))) return true;
  return at(container, "imagePullPolicy") === "Never" && isTagged(image);
};

const WANTED = "a digest, name@sha256:..., or a tag other than latest where imagePullPolicy is Never";

export const imagesByDigest: Rule = {
  name: "images-by-digest",
  description:
    "What runs is named by its content: by a digest, never by a tag that others may move, and never by latest.",
  mend: "Name the image by its digest: slipway:kubernetes.images in the stack's file.",
  checks: {
    ...ofEach(WORKLOADS, { "runs what was named by its content": everyContainer("image", WANTED, isPinned) }),
    [DOCKER.container]: {
      "runs what was named by its content": value(
        "image",
        "an id or digest, sha256:...",
        (found) => typeof found === "string" && DIGEST.test(found),
      ),
    },
    [DOCKER.image]: { "is not called latest": value("name", "a name with a tag other than latest", isNotLatest) },
    [AWS.repository]: {
      "has tags for good": is("imageTagMutability", "IMMUTABLE"),
      "is looked through": is("imageScanningConfiguration.scanOnPush", true),
    },
  },
};

function isNotLatest(name: unknown): boolean {
  return isTagged(name) || (typeof name === "string" && DIGEST.test(name));
}
