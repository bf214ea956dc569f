-- The store, version 1. Times are nanoseconds since the epoch, hours are hours since the epoch,
-- numbers those of the ledger's entries. No table holds a person, an address or what was deleted.

-- One row for each entry. Of a deleted one number, kind and hour are left, as in the ledger.
-- What hits have in common with others stands in hits and series alone.
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    hour INTEGER NOT NULL,
    time INTEGER,
    case_id TEXT,
    subject TEXT,
    vendor TEXT,
    deleted INTEGER NOT NULL
) STRICT;
CREATE INDEX entries_case ON entries (case_id, number) WHERE case_id IS NOT NULL;
CREATE INDEX entries_subject ON entries (subject, number) WHERE subject IS NOT NULL;
CREATE INDEX entries_kind ON entries (kind, number) WHERE kind <> 'hit';
CREATE INDEX entries_due ON entries (kind, hour, number) WHERE kind <> 'hit' AND deleted = 0;

-- Texts that hits share; the empty one is number 1. Pseudonyms stand apart.
CREATE TABLE words (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE subjects (id INTEGER PRIMARY KEY, pseudonym TEXT NOT NULL UNIQUE) STRICT;

-- Hits that differ in nothing but time and frame. Searches go by way of these.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    vendor INTEGER NOT NULL REFERENCES words (id),
    vendor_name INTEGER NOT NULL REFERENCES words (id),
    name INTEGER NOT NULL REFERENCES words (id),
    seen INTEGER NOT NULL REFERENCES words (id),
    role INTEGER NOT NULL REFERENCES words (id),
    severity INTEGER NOT NULL REFERENCES words (id),
    rule INTEGER NOT NULL REFERENCES words (id),
    point INTEGER NOT NULL REFERENCES words (id),
    subject INTEGER NOT NULL REFERENCES subjects (id),
    subject_kind INTEGER NOT NULL REFERENCES words (id),
    grade INTEGER NOT NULL REFERENCES words (id),
    unit INTEGER NOT NULL REFERENCES words (id),
    site INTEGER NOT NULL REFERENCES words (id),
    count INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    UNIQUE (subject, name, seen, point, vendor, vendor_name, role, severity, rule, subject_kind,
            grade, unit, site)
) STRICT;
-- With all that a filter asks about, so that no row has to be fetched.
CREATE INDEX series_last ON series (last, first, count, vendor, vendor_name, name, seen, role,
    severity, rule, point, subject, subject_kind, grade, unit, site);
-- For what is picked out of many; by subject the key serves.
CREATE INDEX series_vendor ON series (vendor);
CREATE INDEX series_vendor_name ON series (vendor_name);
CREATE INDEX series_name ON series (name);
CREATE INDEX series_unit ON series (unit);
CREATE INDEX series_site ON series (site);
CREATE INDEX series_point ON series (point);
CREATE INDEX series_rule ON series (rule);

CREATE TABLE hits (
    number INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    series INTEGER NOT NULL REFERENCES series (id),
    frame INTEGER NOT NULL,
    repeats INTEGER NOT NULL,
    id ANY NOT NULL
) STRICT;
CREATE INDEX hits_time ON hits (time, series);
CREATE INDEX hits_series ON hits (series, time);
CREATE INDEX hits_id ON hits (id);

-- How cases stood: a row for each change, the one of the highest revision holds.
CREATE TABLE heads (
    number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    vendor TEXT NOT NULL,
    vendor_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    grade TEXT NOT NULL,
    unit TEXT,
    site TEXT,
    stage TEXT NOT NULL,
    standing TEXT NOT NULL,
    register_entry TEXT,
    reason TEXT NOT NULL,
    confidence INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    items_left_out INTEGER NOT NULL,
    band TEXT NOT NULL,
    closed TEXT,
    ended TEXT
) STRICT;
CREATE INDEX heads_case ON heads (case_id, revision, number);
CREATE INDEX heads_subject ON heads (subject, case_id);

-- Each case once: which head holds, whom that is about, and where the work on it stands.
CREATE TABLE cases (
    case_id TEXT PRIMARY KEY,
    head INTEGER REFERENCES heads (number),
    subject TEXT,
    state TEXT NOT NULL,
    reopened INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    assignee TEXT NOT NULL,
    verdict TEXT NOT NULL,
    held_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cases_head ON cases (head);
CREATE INDEX cases_subject ON cases (subject) WHERE subject IS NOT NULL;

-- A row for each time that a piece of evidence was written; the newest of an item holds.
CREATE TABLE evidence (
    number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    item INTEGER NOT NULL,
    counts INTEGER NOT NULL,
    kind TEXT,
    rule TEXT,
    weight INTEGER,
    stage TEXT,
    time INTEGER,
    point TEXT,
    name TEXT,
    flow TEXT,
    first_frame INTEGER,
    last_frame INTEGER,
    text TEXT,
    trace TEXT
) STRICT;
CREATE INDEX evidence_case ON evidence (case_id, item, number);
CREATE INDEX evidence_time ON evidence (time, name) WHERE time IS NOT NULL;

CREATE TABLE steps (
    number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    place INTEGER NOT NULL,
    step TEXT
) STRICT;
CREATE INDEX steps_case ON steps (case_id, number);

CREATE TABLE attributions (
    number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    place INTEGER NOT NULL,
    subject TEXT NOT NULL,
    attribution TEXT NOT NULL
) STRICT;
CREATE INDEX attributions_case ON attributions (case_id, number);
CREATE INDEX attributions_subject ON attributions (subject, case_id);

CREATE TABLE alerts (
    number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    alert TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_case ON alerts (case_id, number);

-- What people did: triage, unsealing, holds, exports, deletions, accounts.
CREATE TABLE acts (
    number INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    actor TEXT NOT NULL,
    means TEXT NOT NULL,
    act TEXT NOT NULL,
    case_id TEXT,
    request TEXT,
    acted TEXT NOT NULL
) STRICT;
CREATE INDEX acts_case ON acts (case_id, number) WHERE case_id IS NOT NULL;
CREATE INDEX acts_act ON acts (act, number);
CREATE INDEX acts_actor ON acts (actor, number);

CREATE TABLE coverage (
    number INTEGER PRIMARY KEY,
    begins INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    hour TEXT NOT NULL
) STRICT;
CREATE INDEX coverage_begins ON coverage (begins);

-- Lists in force, starts and ends of the program, losses.
CREATE TABLE happenings (
    number INTEGER PRIMARY KEY,
    what TEXT NOT NULL
) STRICT;

-- Which entry holds the sealed frames of a hit. What is sealed stands in the ledger.
CREATE TABLE frames (
    number INTEGER PRIMARY KEY,
    hit ANY NOT NULL
) STRICT;
CREATE INDEX frames_hit ON frames (hit);
