-- Runs once, on an empty volume. PostgreSQL creates the database `patterns` itself, from POSTGRES_DB.
CREATE DATABASE temporal;
CREATE DATABASE temporal_visibility;
