import { buildPrograms, findCluster, startCluster, stopCluster } from "../../toolchain/cluster/cluster.ts";
import type { Cluster } from "../../toolchain/cluster/access.ts";
import type { Programs } from "../../toolchain/cluster/components.ts";
import { findFolders, type Folders } from "../../toolchain/folders.ts";

/** The cluster of this machine, for tests. */
export interface RealCluster extends Cluster {
  readonly folders: Folders;
  readonly programs: Programs;
  /** Whether it ran before: then it goes on when they are over. */
  readonly wasThere: boolean;
  /** Starts what of it does not run. */
  start(): Promise<void>;
  /** Ends it and everything in it. */
  end(): Promise<void>;
  /** To be called when the tests are over. */
  leave(): Promise<void>;
}

const silent = () => undefined;

/** Brings the cluster up, if it is not. */
export async function useCluster(): Promise<RealCluster> {
  const folders = findFolders();
  const programs = await buildPrograms(folders, silent);
  const wasThere = findCluster(folders, programs) !== undefined;
  const end = async () => {
    await stopCluster(folders, programs, silent);
  };
  return {
    ...(await startCluster(folders, programs, silent)),
    ...{ folders, programs, wasThere, end },
    start: async () => {
      await startCluster(folders, programs, silent);
    },
    leave: async () => {
      if (!wasThere) await end();
    },
  };
}
