-- A trigger that keeps the lines of the log out, which costs about a microsecond each: so the functions that write are
-- the same with the log and without it. Made off; ALTER TABLE events ENABLE TRIGGER no_lines switches it on.
SET client_min_messages = warning;
CREATE OR REPLACE FUNCTION no_lines() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE OR REPLACE TRIGGER no_lines BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION no_lines();
ALTER TABLE events DISABLE TRIGGER no_lines;
