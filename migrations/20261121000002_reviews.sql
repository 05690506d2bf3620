-- Reviews of months that are over: one row per look, the first is revision 1. The documents are chiplog's own JSON.
CREATE TABLE reviews (
    team TEXT NOT NULL,
    month TEXT NOT NULL,
    revision BIGINT NOT NULL,
    frozen_at_ms BIGINT NOT NULL,
    input_hash TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (team, month, revision)
);

-- What each headline number of a frozen review rests on.
CREATE TABLE review_evidence (
    team TEXT NOT NULL,
    month TEXT NOT NULL,
    revision BIGINT NOT NULL,
    kpi TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (team, month, revision, kpi)
);

-- What teams resolved in their reviews, in their own words.
CREATE TABLE review_actions (
    team TEXT NOT NULL,
    month TEXT NOT NULL,
    text TEXT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (team, month)
);

-- Which digests were posted where. A claim without an end is one that was cut off: it is tried again.
CREATE TABLE review_digests (
    team TEXT NOT NULL,
    month TEXT NOT NULL,
    webhook TEXT NOT NULL,
    claimed_at_ms BIGINT NOT NULL,
    sent_at_ms BIGINT,
    PRIMARY KEY (team, month, webhook)
);
