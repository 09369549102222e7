import { readFileSync } from "node:fs";
import { parse } from "yaml";

type Values = Readonly<Record<string, unknown>>;

/** What the shipped Pulumi.prod.yaml says, by its keys without the project's prefix. */
export function shippedProd(): Values {
  const text = readFileSync(new URL("../../Pulumi.prod.yaml", import.meta.url), "utf8");
  const { config } = parse(text) as { readonly config: Values };
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace("slipway:", ""), value]));
}

/** The same with what is a user's own: groups of keys are joined, everything else is taken instead. */
export function overlaid(file: Values, own: object): Values {
  const both = Object.entries(own).map(([key, value]: [string, unknown]) => {
    const shipped = file[key];
    return [key, isGroup(shipped) && isGroup(value) ? overlaid(shipped, value) : value] as const;
  });
  return { ...file, ...Object.fromEntries(both) };
}

function isGroup(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const own = (name: string) => `registry.example.org/${name}@sha256:${"5".repeat(64)}`;

/**
 * What the shipped file is not whole without.
 *
 * @param files.caBundle path of the file with RDS' authorities
 */
export function usersOwn({ caBundle }: { readonly caBundle: string }): object {
  return {
    aws: { cluster: { publicCidrs: ["93.184.216.34/32"] }, data: { database: { caBundle } } },
    kubernetes: {
      images: {
        kedaOperator: own("keda"),
        kedaMetricsServer: own("keda-metrics"),
        autoscaler: own("cluster-autoscaler"),
      },
    },
  };
}
