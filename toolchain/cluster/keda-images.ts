import { basename, dirname, join } from "node:path";
import type { Programs } from "./components.ts";
import { ensureImage } from "./images.ts";
import type { Layout } from "./layout.ts";

/** KEDA's programs as they are built here, by the names that a stack's file has for their images, and what its makers call them in theirs. */
const IMAGES = {
  kedaOperator: { image: "slipway/keda-operator", program: "operator", name: "keda" },
  kedaMetricsServer: { image: "slipway/keda-metrics-apiserver", program: "adapter", name: "keda-adapter" },
} as const;

export type KedaImages = Readonly<Record<keyof typeof IMAGES, string>>;

/** Brings KEDA to where pods find it, as images of one program each: no registry is asked. */
export async function bringKedaImages(layout: Layout, { keda: folder }: Pick<Programs, "keda">): Promise<KedaImages> {
  // Programs lie in a folder that is named by what they were built from.
  const version = basename(dirname(folder)).replace(/^keda-/, "");
  const bring = async ({ image, program, name }: (typeof IMAGES)[keyof typeof IMAGES]) => {
    const tagged = `${image}:${version}`;
    await ensureImage(layout, `docker.io/${tagged}`, join(folder, program), name);
    return tagged;
  };
  return { kedaOperator: await bring(IMAGES.kedaOperator), kedaMetricsServer: await bring(IMAGES.kedaMetricsServer) };
}
