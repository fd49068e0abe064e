-- By what whoever asked was known, and from where: empty for what a controller did by itself, NULL before this was kept.
ALTER TABLE history ADD COLUMN credential TEXT;
ALTER TABLE history ADD COLUMN address TEXT;
ALTER TABLE archived_history ADD COLUMN credential TEXT;
ALTER TABLE archived_history ADD COLUMN address TEXT;
