/** How the backup agent's program is called in its image, on every platform; its words come after. */
export const BACKUP_PROGRAM = ["/usr/local/bin/node", "/app/backup.mjs"] as const;
