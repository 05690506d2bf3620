-- What the last evaluation found out, for every replica to serve: `organisation`, and `team/ID` for each team. Bodies are
-- compressed JSON. BYTEA holds bytes in PostgreSQL, and SQLite keeps bytes under any declared type.
CREATE TABLE snapshots (
    part TEXT NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL,
    body BYTEA NOT NULL
);
