-- phase: expand
-- Jobs and what belongs to them. Postgres is the truth; Redis only wakes workers up and is rebuilt from here.

CREATE TABLE jobs (
  id          bigint PRIMARY KEY,
  kind        text        NOT NULL,
  queue       text        NOT NULL,
  -- blocked: waits for other jobs. queued: may start at run_at. retrying: like queued, after a failed attempt.
  -- dead: given up, after the last attempt or an error that no retry can cure.
  state       text        NOT NULL DEFAULT 'queued'
              CHECK (state IN ('blocked', 'queued', 'active', 'retrying', 'succeeded', 'dead', 'cancelled')),
  priority    integer     NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 2097151),
  params      jsonb       NOT NULL,
  result      jsonb,
  error       jsonb,
  -- Claims so far, and so the fencing token of the attempt that runs.
  attempt     integer     NOT NULL DEFAULT 0,
  -- Attempts that ended in an error of the job itself; they count against the kind's maximum.
  failures    integer     NOT NULL DEFAULT 0,
  -- Attempts that ended with their worker; they have a maximum of their own.
  losses      integer     NOT NULL DEFAULT 0,
  -- The worker that runs it, while active.
  worker      bigint,
  run_at      timestamptz NOT NULL DEFAULT now(),
  created_at  timestamptz NOT NULL DEFAULT now(),
  started_at  timestamptz,
  finished_at timestamptz,
  CHECK ((state = 'active') = (worker IS NOT NULL))
);
-- The reconciler's walk over what should be in Redis, and the count that scales workers.
CREATE INDEX jobs_pending ON jobs (id) WHERE state IN ('queued', 'retrying');
CREATE INDEX jobs_active ON jobs (worker) WHERE state = 'active';

CREATE TABLE attempts (
  job_id      bigint      NOT NULL REFERENCES jobs ON DELETE CASCADE,
  attempt     integer     NOT NULL,
  worker      bigint      NOT NULL,
  outcome     text        NOT NULL DEFAULT 'active'
              CHECK (outcome IN ('active', 'succeeded', 'failed', 'lost', 'handed-back', 'cancelled')),
  error       jsonb,
  started_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (job_id, attempt)
);

CREATE TABLE artifacts (
  job_id     bigint      PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  attempt    integer     NOT NULL,
  object_key text        NOT NULL,
  media_type text        NOT NULL,
  bytes      bigint      NOT NULL CHECK (bytes >= 0),
  sha256     text        NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Wake-ups that have to reach Redis. Short-lived rows: vacuumed by count, not by share.
CREATE TABLE outbox (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id   bigint      NOT NULL,
  attempt  integer     NOT NULL,
  queue    text        NOT NULL,
  priority integer     NOT NULL,
  run_at   timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Worker processes that are alive: one row and one heartbeat each, however many jobs they run.
CREATE TABLE workers (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text        NOT NULL,
  queues      text[]      NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz NOT NULL
);

-- Numbers 0 to 1023 that make ids of several processes differ; a number is free again after expires_at.
CREATE TABLE id_leases (
  number     smallint    PRIMARY KEY CHECK (number BETWEEN 0 AND 1023),
  holder     uuid,
  expires_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO id_leases (number) SELECT generate_series(0, 1023);
