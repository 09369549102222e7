-- phase: expand
-- The migration that a release's code needs: so that a machine that did not deploy it can tell whether it may come back.

ALTER TABLE deployments ADD COLUMN schema_needs integer;
