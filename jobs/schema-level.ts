/**
 * The migration that this code needs: the number of the newest file in `migrations/` that is no `contract`. A process is ready only when
 * the database is at this level or a newer one. A test holds the two together.
 */
export const SCHEMA_LEVEL = 5;
