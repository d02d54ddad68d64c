-- What had none, and what a run of the command keeps beside the rest since.

COMMENT ON TABLE _migrations IS 'what was applied to this store, in order: a migration a row';
COMMENT ON COLUMN _migrations.version IS 'number of the migration, from 1; the largest is the version of the store';
COMMENT ON COLUMN _migrations.name IS 'what it is called';
COMMENT ON COLUMN _migrations.applied IS 'when';

COMMENT ON COLUMN experiments.code IS 'commit of the checkout that the latest run of the command ran from, and whether it was dirty; empty: no checkout';
COMMENT ON COLUMN experiments.sessions IS 'one object a run of the command: started, code (commit and dirty, as above, of this run), before (seconds of its process until then), seconds, busy (seconds with a phase), phases {name: seconds}, failed [{what, step, reason}], ended (done, failed; null: stopped or killed)';
