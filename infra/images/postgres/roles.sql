-- Roles and database, written so that it may run at every start. Passwords come from files and are never logged.
\set app_password `cat "$SECRETS_DIR/database-password"`
\set owner_password `cat "$SECRETS_DIR/database-owner-password"`

SELECT 'CREATE ROLE slipway_owner LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'slipway_owner') \gexec
SELECT 'CREATE ROLE slipway_app LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'slipway_app') \gexec
ALTER ROLE slipway_owner PASSWORD :'owner_password';
ALTER ROLE slipway_app PASSWORD :'app_password';

SELECT 'CREATE DATABASE slipway OWNER slipway_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'slipway') \gexec
REVOKE ALL ON DATABASE slipway FROM PUBLIC;
GRANT CONNECT ON DATABASE slipway TO slipway_app;

\connect slipway
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO slipway_owner;
GRANT USAGE ON SCHEMA public TO slipway_app;
