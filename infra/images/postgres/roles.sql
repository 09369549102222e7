-- Roles and database, written so that it may run at every start, and on a server that serves. Passwords come from files and are never
-- logged. Logins are in two slots: one without a file may not log in, and its sessions end. jobs/prepare-roles.ts does the same elsewhere.
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;
SET log_statement = 'none';
SET client_min_messages = warning;
\set app_first `cat "$SECRETS_DIR/database-password" 2> /dev/null || :`
\set owner_first `cat "$SECRETS_DIR/database-owner-password" 2> /dev/null || :`
\set app_second `cat "$SECRETS_DIR/database-password-second" 2> /dev/null || :`
\set owner_second `cat "$SECRETS_DIR/database-owner-password-second" 2> /dev/null || :`

SELECT format('CREATE ROLE %I', name)
  FROM unnest(ARRAY['slipway_owner', 'slipway_app', 'slipway_owner_second', 'slipway_app_second']) AS name
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
GRANT slipway_app TO slipway_app_second;
GRANT slipway_owner TO slipway_owner_second;
-- Whatever a migration makes belongs to one role, whichever slot it came by.
ALTER ROLE slipway_owner_second SET role = 'slipway_owner';

SELECT CASE password WHEN '' THEN format('ALTER ROLE %I NOLOGIN PASSWORD NULL', name)
                     ELSE format('ALTER ROLE %I LOGIN PASSWORD %L', name, password) END
  FROM (VALUES ('slipway_owner', :'owner_first'), ('slipway_app', :'app_first'),
               ('slipway_owner_second', :'owner_second'), ('slipway_app_second', :'app_second')) AS login (name, password) \gexec
SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_roles ON rolname = usename
  WHERE rolname LIKE 'slipway\_%' AND NOT rolcanlogin \g /dev/null

SELECT 'CREATE DATABASE slipway OWNER slipway_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'slipway') \gexec
REVOKE ALL ON DATABASE slipway FROM PUBLIC;
GRANT CONNECT ON DATABASE slipway TO slipway_app;

\connect slipway
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO slipway_owner;
GRANT USAGE ON SCHEMA public TO slipway_app;
