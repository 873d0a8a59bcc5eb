-- What operators call the message that a rejected item came in: a file's name, a sender's key, a hash.
ALTER TABLE quarantine ADD COLUMN message_name TEXT;
ALTER TABLE staged_rejection ADD COLUMN message_name TEXT;
CREATE INDEX quarantine_by_message_name ON quarantine (message_name, id) WHERE message_name IS NOT NULL;
