-- The daily summaries of the journal are found without a walk through it.

-- +goose Up
CREATE INDEX journal_jour ON journal (id) WHERE action = 'journal.day';
