-- phase: expand
-- Tenants, request keys, batches, cancellation, progress, schedules. Expand only: releases before this one go on working.

ALTER TABLE jobs
  -- Whose job it is; nobody else sees it.
  ADD COLUMN tenant              text        NOT NULL DEFAULT 'default',
  ADD COLUMN batch_id            bigint,
  -- Place among the members of its batch, from 0. The aggregate of a batch has none.
  ADD COLUMN position            integer,
  -- Neither count has a CHECK: Postgres looks at it also with the row as it was before somebody who ended a member at the same time,
  -- whose change comes in only after that.
  -- Jobs that it waits for and that have not ended; it is blocked while there are any.
  ADD COLUMN waits_for           integer     NOT NULL DEFAULT 0,
  -- Jobs that it waited for and that ended without success, until a retry.
  ADD COLUMN members_failed      integer     NOT NULL DEFAULT 0,
  -- What becomes of it when one of those did not succeed: it is dead too, or it runs with what there is.
  ADD COLUMN on_member_failure   text        NOT NULL DEFAULT 'fail' CHECK (on_member_failure IN ('fail', 'continue')),
  -- Set while it is active: the worker stops it and ends it as cancelled.
  ADD COLUMN cancel_requested_at timestamptz,
  -- {"percent": 0..100, "message": text or null} of the attempt that runs.
  ADD COLUMN progress            jsonb,
  -- Name of the schedule that made it.
  ADD COLUMN schedule            text;
CREATE INDEX jobs_of_tenant ON jobs (tenant, id);
CREATE INDEX jobs_of_batch ON jobs (batch_id, position) WHERE batch_id IS NOT NULL;

-- Every end of an attempt paid a quarter of its time for this check. Attempts are written only beside their job's own row, in one
-- statement, and go with it in the sweep.
ALTER TABLE attempts DROP CONSTRAINT attempts_job_id_fkey;

-- The graph: job_id starts when every on_id has ended. jobs.waits_for counts those that have not.
CREATE TABLE dependencies (
  on_id  bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
  job_id bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
  PRIMARY KEY (on_id, job_id)
);
CREATE INDEX dependencies_of_job ON dependencies (job_id);

CREATE TABLE batches (
  id           bigint      PRIMARY KEY,
  tenant       text        NOT NULL,
  kind         text        NOT NULL,
  size         integer     NOT NULL CHECK (size > 0),
  aggregate_id bigint,
  created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX batches_of_tenant ON batches (tenant, id);

-- A request that comes again under its key gets the job or batch that it made the first time.
CREATE TABLE idempotency_keys (
  tenant      text        NOT NULL,
  key         text        NOT NULL,
  -- SHA-256 of what was asked.
  fingerprint bytea       NOT NULL,
  target_id   bigint      NOT NULL,
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at);

-- Signed requests that were taken; the same one is refused until its timestamp is too old anyway.
CREATE TABLE request_nonces (
  key_id     text        NOT NULL,
  nonce      text        NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (key_id, nonce)
);
CREATE INDEX request_nonces_expired ON request_nonces (expires_at);

CREATE TABLE schedules (
  tenant        text        NOT NULL,
  name          text        NOT NULL,
  kind          text        NOT NULL,
  queue         text        NOT NULL,
  params        jsonb       NOT NULL,
  priority      integer     NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 2097151),
  -- Either a cron expression in a time zone or an interval.
  cron          text,
  timezone      text        NOT NULL DEFAULT 'UTC',
  every_seconds integer     CHECK (every_seconds > 0),
  next_at       timestamptz NOT NULL,
  last_at       timestamptz,
  last_job_id   bigint,
  paused        boolean     NOT NULL DEFAULT false,
  -- code: a kind's file says so. api: a tenant made it.
  source        text        NOT NULL CHECK (source IN ('code', 'api')),
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name),
  CHECK ((cron IS NULL) <> (every_seconds IS NULL))
);
CREATE INDEX schedules_due ON schedules (next_at) WHERE NOT paused;

-- Work that one process at a time does, such as firing schedules.
CREATE TABLE leases (
  name       text        PRIMARY KEY,
  holder     uuid        NOT NULL,
  expires_at timestamptz NOT NULL
);

ALTER TABLE workers
  ADD COLUMN pool        text,
  ADD COLUMN concurrency integer,
  -- What nvidia-smi said last: one object a GPU.
  ADD COLUMN gpus        jsonb;

-- Each job leaves a dead row at its claim and at its end, each wake-up one: cleaned by count, and without pauses where rows live for
-- milliseconds. The room in a page is for progress and counts, which are no part of an index and so are written in place.
ALTER TABLE jobs SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1);
ALTER TABLE outbox SET (autovacuum_vacuum_cost_delay = 0);
