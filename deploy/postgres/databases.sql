-- Runs once, on an empty volume. `patterns` itself is made by POSTGRES_DB.
CREATE DATABASE temporal;
CREATE DATABASE temporal_visibility;
