import { Ingress } from "@pulumi/kubernetes/networking/v1/ingress.js";
import type { Input } from "@pulumi/pulumi";
import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import { labels, options, type Place } from "./place.ts";

export interface IngressArgs {
  readonly settings: NonNullable<KubernetesSettings["ingress"]>;
  /** Name and port of the API's Service. */
  readonly api: { readonly name: Input<string>; readonly port: number };
  readonly place: Place;
}

/** Where the public reaches the API: one host, by TLS alone. */
export function ingress({ settings, api, place }: IngressArgs): Ingress {
  const { host, className, tlsSecret, clusterIssuer, annotations } = settings;
  const backend = { service: { name: api.name, port: { number: api.port } } };
  return new Ingress(
    "api",
    {
      metadata: {
        name: "api",
        namespace: place.namespace,
        labels: labels("api"),
        annotations: {
          // The address is the controller's and may never be written here; what is behind it is waited for itself.
          "pulumi.com/skipAwait": "true",
          "nginx.ingress.kubernetes.io/force-ssl-redirect": "true",
          ...(clusterIssuer === undefined ? {} : { "cert-manager.io/cluster-issuer": clusterIssuer }),
          ...annotations,
        },
      },
      spec: {
        ...(className === undefined ? {} : { ingressClassName: className }),
        tls: [{ hosts: [host], secretName: tlsSecret }],
        rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }],
      },
    },
    options(place),
  );
}
