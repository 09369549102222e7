/** The commands of `slipway`: one file a command, and what `--help` says of it. */
export const COMMANDS = {
  deploy: {
    what: "brings this checkout to a stack: checks, backup, deploy, and a look at what really runs",
    load: () => import("./commands/deploy.ts"),
  },
  rollback: { what: "back to an earlier release", load: () => import("./commands/rollback.ts") },
  destroy: { what: "destroys a stack; says first what would go", load: () => import("./commands/destroy.ts") },
  refresh: { what: "writes into a stack's state what there really is", load: () => import("./commands/refresh.ts") },
  releases: { what: "lists what was deployed, and which of it serves", load: () => import("./commands/releases.ts") },
  preview: {
    what: "what an up would do to one stack or more, and one comment that tells of all of them",
    load: () => import("./commands/preview.ts"),
  },
  drift: {
    what: "what was changed, deleted or made behind Pulumi's back",
    load: () => import("./commands/drift.ts"),
  },
  cost: { what: "what a month of the stack costs, and its GPU hours", load: () => import("./commands/cost.ts") },
  capacity: {
    what: "how many workers the jobs that come need, and what is short first",
    load: () => import("./commands/capacity.ts"),
  },
  publish: {
    what: "puts what preview wrote on a pull request, as one comment",
    load: () => import("./commands/publish.ts"),
  },
  images: { what: "what the stack has pushed to its registry, by digest", load: () => import("./commands/images.ts") },
  sbom: { what: "what is in our images of npm's, as CycloneDX", load: () => import("./commands/sbom.ts") },
  backup: { what: "backs up Postgres, Redis and artifacts, now", load: () => import("./commands/backup.ts") },
  backups: {
    what: "lists the backups, and how far back and forth they reach",
    load: () => import("./commands/backups.ts"),
  },
  restore: {
    what: "brings data back to a moment; says first what that would lose",
    load: () => import("./commands/restore.ts"),
  },
  drill: {
    what: "restores the newest backup beside, measures it, and throws it away",
    load: () => import("./commands/drill.ts"),
  },
  verify: { what: "reads and checks every byte of the backups", load: () => import("./commands/verify.ts") },
  rotate: {
    what: "database | redis | jwt | hmac | aes: new credentials, without an interruption",
    load: () => import("./commands/rotate.ts"),
  },
  status: { what: "what runs, since when, and how much of it is ready", load: () => import("./commands/status.ts") },
  health: { what: "looks at everything that a stack needs", load: () => import("./commands/health.ts") },
  check: {
    what: "--pre | --post: what has to hold before a deploy, and after it",
    load: () => import("./commands/check.ts"),
  },
  logs: { what: "what all containers wrote, merged by time", load: () => import("./commands/logs.ts") },
  keys: {
    what: "export | verify | import: the key that opens the backups, kept elsewhere",
    load: () => import("./commands/keys.ts"),
  },
} as const satisfies Record<
  string,
  { readonly what: string; readonly load: () => Promise<{ readonly run: () => Promise<void> }> }
>;
