-- phase: expand
-- What was deployed, by whom, and what came of it: for reports. `deployments.log` beside the stack's state has the same, and is there when this
-- database is not.

CREATE TABLE deployments (
  id            uuid        PRIMARY KEY,
  -- Counts in each log: after a restore, or from another machine, one number may come twice.
  number        integer     NOT NULL CHECK (number > 0),
  -- Such as slipway deploy, and who typed it: user@host.
  command       text        NOT NULL,
  by            text        NOT NULL,
  version       text        NOT NULL,
  -- {"api": image, "worker": image}; none where it failed before they were known.
  images        jsonb,
  schema_before integer,
  schema_after  integer,
  -- Label of the backup that was made before.
  backup        text,
  started_at    timestamptz NOT NULL,
  -- Both are there once it has come to its end.
  ended_at      timestamptz,
  outcome       text        CHECK (outcome IN ('succeeded', 'failed', 'interrupted')),
  -- The step that it was in last, and why it did not succeed.
  step          text,
  reason        text,
  -- The version that served at its end.
  serving       text,
  CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX deployments_by_start ON deployments (started_at);
