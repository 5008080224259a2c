-- Runs once, on an empty volume: a role for each service, which owns its databases and cannot connect to others.
\set ON_ERROR_STOP on
\getenv temporal_password TEMPORAL_DB_PASSWORD
\getenv patterns_password PATTERNS_DB_PASSWORD

CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE ROLE patterns LOGIN PASSWORD :'patterns_password';

CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE DATABASE patterns OWNER patterns;

REVOKE CONNECT ON DATABASE temporal, temporal_visibility, patterns, postgres FROM PUBLIC;
