-- What users deploy is sealed: definition and payload of releases, and the record of a
-- deployment. The one row proves who has the keys, and says whether rows from before are
-- sealed, too.

CREATE TABLE sealing (
    id       integer PRIMARY KEY,
    proof    blob NOT NULL,
    complete boolean NOT NULL
);
