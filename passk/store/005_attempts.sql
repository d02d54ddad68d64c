-- What failed and was tried again stands in the record of each run of the command. The column was there: the stores of
-- before have runs that say nothing of it.

COMMENT ON COLUMN experiments.sessions IS 'one object a run of the command: started, before (seconds of its process until then), seconds, busy (seconds with a phase), phases {name: seconds}, failed [{what, step, reason}], ended (done, failed; null: stopped or killed)';

CREATE VIEW failed_attempts AS
WITH each_session AS (
    SELECT name, unnest(from_json(sessions, '["JSON"]')) AS session,
           unnest(range(1, json_array_length(sessions)::BIGINT + 1)) AS run
    FROM experiments
), each_failure AS (
    SELECT name, run, json_extract_string(session, '$.started') AS started,
           unnest(from_json(json_extract(session, '$.failed'), '["JSON"]')) AS failure
    FROM each_session
)
SELECT name AS experiment, run::INTEGER AS run, started, json_extract_string(failure, '$.what') AS what,
       json_extract_string(failure, '$.step')::INTEGER AS step, json_extract_string(failure, '$.reason') AS reason
FROM each_failure;
COMMENT ON VIEW failed_attempts IS 'What failed in a run of the command, whether or not it went well when it was tried again';
COMMENT ON COLUMN failed_attempts.experiment IS 'experiments.name';
COMMENT ON COLUMN failed_attempts.run IS 'which run of the command, from 1';
COMMENT ON COLUMN failed_attempts.started IS 'when that run started';
COMMENT ON COLUMN failed_attempts.what IS 'the phase: train and the stage''s name, sample, prepare, file, report, start Ray';
COMMENT ON COLUMN failed_attempts.step IS 'of a stage: the last step that it had on record';
COMMENT ON COLUMN failed_attempts.reason IS 'one line';
