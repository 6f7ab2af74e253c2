-- The log holds every change; its row number is the revision. The head says which row is an object's present state.
CREATE TABLE IF NOT EXISTS meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
    revision  INTEGER PRIMARY KEY,
    type      INTEGER NOT NULL,      -- 0 added, 1 modified, 2 deleted
    kind      TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    previous  INTEGER NOT NULL,      -- revision of the state before, 0 if none
    body      BLOB NOT NULL,         -- JSON of the state after; of the last state, for deleted
    sum       INTEGER NOT NULL       -- CRC-32 of the body: SQLite itself keeps none
);
CREATE TABLE IF NOT EXISTS head (
    kind      TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
