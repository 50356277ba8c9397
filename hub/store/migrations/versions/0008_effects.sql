-- One that was proposed before tells of nothing, so it can only be dismissed, and proposed again.
ALTER TABLE proposal ADD COLUMN effects JSON NOT NULL DEFAULT '[]';
ALTER TABLE proposal ALTER COLUMN effects DROP DEFAULT;
