import { z } from "zod";
import { text, whole } from "./settings.ts";

const SERVICES = "names of services, separated by commas";

/** What only the marker of busy workers reads. */
export const MARKER_SETTINGS = {
  /** Services whose pods it marks, by their label `app.kubernetes.io/name`. */
  MARKED_SERVICES: z
    .string({ error: SERVICES })
    .regex(/^[a-z0-9-]+(,[a-z0-9-]+)*$/, { error: SERVICES })
    .transform((list) => list.split(",")),
  /** The kubelet sets host and port of the cluster's API in every container. */
  KUBERNETES_SERVICE_HOST: text("host of the cluster's API, which the kubelet sets"),
  KUBERNETES_SERVICE_PORT: whole(1, 65_535, 443),
  /** Folder of `token`, `ca.crt` and `namespace`. */
  CLUSTER_ACCESS_DIR: text("a folder with token, ca.crt and namespace").default(
    "/run/secrets/kubernetes.io/serviceaccount",
  ),
};
