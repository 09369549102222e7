-- phase: expand
-- What backups and drills came to: for reports and metrics. The truth about a backup is in its repository: these rows are of the moment to
-- which the database was restored.

CREATE TABLE backups (
  -- pgBackRest's.
  label       text        PRIMARY KEY,
  type        text        NOT NULL CHECK (type IN ('full', 'incr')),
  started_at  timestamptz NOT NULL,
  ended_at    timestamptz NOT NULL,
  -- Bytes of the database, and bytes that the backup added to its repository.
  database_bytes  bigint  NOT NULL CHECK (database_bytes >= 0),
  added_bytes     bigint  NOT NULL CHECK (added_bytes >= 0),
  artifacts       bigint  NOT NULL CHECK (artifacts >= 0),
  artifact_bytes  bigint  NOT NULL CHECK (artifact_bytes >= 0),
  redis_bytes     bigint  NOT NULL CHECK (redis_bytes >= 0),
  migration_level integer NOT NULL,
  jobs            bigint  NOT NULL CHECK (jobs >= 0),
  key_id      text        NOT NULL,
  -- local, offsite.
  repositories text[]     NOT NULL,
  -- What is wrong with it; empty is good.
  faults      text[]      NOT NULL DEFAULT '{}',
  recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX backups_by_end ON backups (ended_at);

CREATE TABLE drills (
  id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  started_at  timestamptz NOT NULL,
  ended_at    timestamptz NOT NULL,
  outcome     text        NOT NULL CHECK (outcome IN ('succeeded', 'failed')),
  -- The backup that it began with; none where it failed before.
  label       text,
  -- Recovery time and point that were measured.
  rto_seconds double precision CHECK (rto_seconds >= 0),
  rpo_seconds double precision CHECK (rpo_seconds >= 0),
  migration_level   integer,
  missing_artifacts bigint,
  faults      text[]      NOT NULL DEFAULT '{}',
  CHECK ((outcome = 'succeeded') = (rto_seconds IS NOT NULL AND rpo_seconds IS NOT NULL))
);
CREATE INDEX drills_by_end ON drills (ended_at);
