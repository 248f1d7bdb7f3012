-- +goose Up

-- The references that a row writes or takes away, by name: what is shown is what is sent. Rows of before that write references
-- and were not sent name none; their objects' references still wait, and the next plan names them.
ALTER TABLE action ADD COLUMN refs TEXT NOT NULL DEFAULT '';
UPDATE action SET state = 'left_out', detail = 'made by an earlier version; plan again' WHERE kind = 'refer' AND state IN ('planned', 'held');
