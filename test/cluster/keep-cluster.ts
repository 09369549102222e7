import { useCluster } from "./real-cluster.ts";

/** One cluster for all files, with the images that the first of them brought: to start it anew for each takes longer than many of them. */
export default async function keepCluster(): Promise<() => Promise<void>> {
  const cluster = await useCluster();
  return () => cluster.leave();
}
