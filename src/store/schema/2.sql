-- Version 2: how many times series use a text where no index tells: as how it was seen, role,
-- severity, kind of subject, grade. A text goes when this is 0 and the indexes know no use of it.
-- (`REFERENCES` in the tables are notes for who reads: foreign keys are not enforced, for each check
-- would look through all series.)
ALTER TABLE words ADD COLUMN labels INTEGER NOT NULL DEFAULT 0;
UPDATE words SET labels = used.many FROM (
    SELECT word, count(*) AS many FROM (
        SELECT seen AS word FROM series UNION ALL SELECT role FROM series
        UNION ALL SELECT severity FROM series UNION ALL SELECT subject_kind FROM series
        UNION ALL SELECT grade FROM series
    ) GROUP BY word
) used WHERE used.word = words.id;
