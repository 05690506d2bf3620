-- Who does what, of several programs on one store. `fence` rises whenever another takes over: what was begun under an older
-- one is not written any more. Times are those of the database server.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
