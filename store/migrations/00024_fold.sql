-- +goose Up

-- Matching values are folded as all names are now. Only those with other characters than ASCII's can be other ones: their objects are
-- looked at again, which makes the value anew.
UPDATE link SET due = 1 WHERE match_key <> '' AND length(match_key) <> octet_length(match_key);
