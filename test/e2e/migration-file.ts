/** Name of the file of a migration, in `jobs/migrations`. */
export function migrationFile(level: number, name = "test"): string {
  return `${String(level).padStart(4, "0")}-${name}.sql`;
}
