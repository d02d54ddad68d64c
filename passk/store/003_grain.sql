-- What is asked of most often gets a table at its own grain. All of it follows from rows that are there, so a store
-- that is migrated has the rows of one that is made again. (But for a step that has a problem twice: version 1 lost
-- which rollouts belong together, and such groups come out as one until the store is made again.)

ALTER TABLE rollouts ADD COLUMN occurrence INTEGER DEFAULT 1;
COMMENT ON TABLE rollouts IS 'A response sampled in training. Key: stage, step, problem, occurrence, sample (not indexed)';
COMMENT ON COLUMN rollouts.occurrence IS '1; 2 and on where a step has the problem more than once, as at the end of an epoch';

CREATE TABLE groups (
    stage VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    problem VARCHAR NOT NULL,
    occurrence INTEGER NOT NULL,
    estimator VARCHAR,
    k INTEGER,
    n INTEGER NOT NULL,
    c INTEGER NOT NULL,
    dead BOOLEAN,
    "distinct" INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    tokens BIGINT
);
COMMENT ON TABLE groups IS 'A prompt''s rollouts in a training step. Key: stage, step, problem, occurrence (not indexed)';
COMMENT ON COLUMN groups.stage IS 'stages.key';
COMMENT ON COLUMN groups.step IS 'step of the stage, from 1';
COMMENT ON COLUMN groups.problem IS 'problems.id in the stage''s problems';
COMMENT ON COLUMN groups.occurrence IS '1; 2 and on where a step has the problem more than once, as at the end of an epoch';
COMMENT ON COLUMN groups.estimator IS 'advantage estimator';
COMMENT ON COLUMN groups.k IS 'k of the estimator in this step';
COMMENT ON COLUMN groups.n IS 'rollouts';
COMMENT ON COLUMN groups.c IS 'rollouts whose reward is 1';
COMMENT ON COLUMN groups.dead IS 'every advantage is 0: the group taught nothing';
COMMENT ON COLUMN groups."distinct" IS 'distinct responses';
COMMENT ON COLUMN groups.truncated IS 'rollouts cut at max_response';
COMMENT ON COLUMN groups.tokens IS 'response tokens';

INSERT INTO groups
SELECT rollouts.stage, rollouts.step, rollouts.problem, rollouts.occurrence, any_value(steps.estimator), max(rollouts.k),
       count(*), count(*) FILTER (rollouts.reward = 1), bool_and(rollouts.advantage = 0),
       count(DISTINCT rollouts.response), count(*) FILTER (rollouts.truncated), sum(rollouts.tokens)
FROM rollouts
LEFT JOIN steps ON steps.stage = rollouts.stage AND steps.step = rollouts.step
GROUP BY rollouts.stage, rollouts.step, rollouts.problem, rollouts.occurrence
ORDER BY rollouts.stage, rollouts.step, rollouts.problem, rollouts.occurrence;

CREATE TABLE evaluations (
    experiment VARCHAR NOT NULL,
    sampling VARCHAR NOT NULL,
    problem VARCHAR NOT NULL,
    n INTEGER NOT NULL,
    c INTEGER NOT NULL,
    "distinct" INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    tokens BIGINT
);
COMMENT ON TABLE evaluations IS 'A problem''s samples of one checkpoint, counted. Key: experiment, sampling, problem (not indexed)';
COMMENT ON COLUMN evaluations.experiment IS 'experiments.name';
COMMENT ON COLUMN evaluations.sampling IS 'samplings.key';
COMMENT ON COLUMN evaluations.problem IS 'problems.id in the sampling''s problems';
COMMENT ON COLUMN evaluations.n IS 'samples';
COMMENT ON COLUMN evaluations.c IS 'right samples';
COMMENT ON COLUMN evaluations."distinct" IS 'distinct responses';
COMMENT ON COLUMN evaluations.answers IS 'distinct answers that the verifier read';
COMMENT ON COLUMN evaluations.truncated IS 'samples cut at max_response';
COMMENT ON COLUMN evaluations.tokens IS 'response tokens';

INSERT INTO evaluations
SELECT experiment, sampling, problem, count(*), count(*) FILTER (correct), count(DISTINCT response),
       count(DISTINCT extracted), count(*) FILTER (finish_reason = 'length'), sum(tokens)
FROM samples
GROUP BY experiment, sampling, problem
ORDER BY experiment, sampling, problem;

CREATE TABLE checkpoints (
    stage VARCHAR PRIMARY KEY,
    experiment VARCHAR NOT NULL,
    step INTEGER,
    total_step INTEGER,
    path VARCHAR NOT NULL
);
COMMENT ON TABLE checkpoints IS 'The model that a finished stage left. Key: stage. The model that an experiment starts from is in experiments.config';
COMMENT ON COLUMN checkpoints.stage IS 'stages.key';
COMMENT ON COLUMN checkpoints.experiment IS 'name of the experiment that trained it';
COMMENT ON COLUMN checkpoints.step IS 'steps of the stage';
COMMENT ON COLUMN checkpoints.total_step IS 'rl steps behind it, those of its ancestors included';
COMMENT ON COLUMN checkpoints.path IS 'where it lies, in the HF format, from the directory of all runs';

INSERT INTO checkpoints
SELECT key, experiment, json_extract_string(config, '$.steps')::INTEGER,
       first_step + CASE kind WHEN 'rl' THEN json_extract_string(config, '$.steps')::INTEGER ELSE 0 END,
       experiment || '/stages/' || key || '/model'
FROM stages;

CREATE TABLE costs (
    experiment VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    item VARCHAR NOT NULL,
    phase VARCHAR NOT NULL,
    seconds DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE costs IS 'What a phase of something took. Key: experiment, kind, item, phase. A session holds its stages and samplings: add no kinds together';
COMMENT ON COLUMN costs.experiment IS 'name of the experiment that ran it';
COMMENT ON COLUMN costs.kind IS 'stage, sampling or session';
COMMENT ON COLUMN costs.item IS 'stages.key, samplings.key, or when the session started';
COMMENT ON COLUMN costs.phase IS 'stage: startup (of the run that finished it), generation, experience, training, sync, other; sampling: sampling; session: the step of the run';
COMMENT ON COLUMN costs.seconds IS 'wall time';
COMMENT ON COLUMN costs.tokens IS 'response tokens that it generated';

INSERT INTO costs
WITH sums AS (
    SELECT stage, sum(seconds ORDER BY step) AS seconds, sum(tokens)::BIGINT AS tokens,
           sum(seconds_generation ORDER BY step) AS generation, sum(seconds_experience ORDER BY step) AS experience,
           sum(seconds_training ORDER BY step) AS training, sum(seconds_sync ORDER BY step) AS sync,
           sum(seconds - seconds_generation - seconds_experience - seconds_training - seconds_sync ORDER BY step)
               AS other
    FROM steps GROUP BY stage
), phases AS (
    SELECT stages.experiment, stages.key, unnest([
        {phase: 'startup', seconds: startup_seconds, tokens: NULL},
        {phase: 'generation', seconds: generation, tokens: sums.tokens},
        {phase: 'experience', seconds: experience, tokens: NULL},
        {phase: 'training', seconds: CASE kind WHEN 'sft' THEN sums.seconds ELSE training END, tokens: NULL},
        {phase: 'sync', seconds: sync, tokens: NULL},
        {phase: 'other', seconds: CASE WHEN other < 0 THEN 0 ELSE other END, tokens: NULL}
    ], recursive := true)
    FROM stages LEFT JOIN sums ON sums.stage = stages.key
)
SELECT experiment, 'stage', key, phase, seconds, tokens FROM phases WHERE seconds IS NOT NULL ORDER BY ALL;

INSERT INTO costs
SELECT samplings.experiment, 'sampling', samplings.key, 'sampling', any_value(samplings.seconds), sum(evaluations.tokens)
FROM samplings
LEFT JOIN evaluations ON evaluations.experiment = samplings.experiment AND evaluations.sampling = samplings.key
GROUP BY samplings.experiment, samplings.key
ORDER BY ALL;

INSERT INTO costs
WITH each_session AS (
    SELECT name, unnest(from_json(sessions, '["JSON"]')) AS session FROM experiments
), each_phase AS (
    SELECT name, json_extract_string(session, '$.started') AS started,
           unnest(map_entries(json_extract(session, '$.phases')::MAP(VARCHAR, DOUBLE))) AS entry
    FROM each_session
)
SELECT name, 'session', coalesce(started, ''), entry.key, entry.value, NULL FROM each_phase ORDER BY ALL;

-- The index of this primary key took more room than the problems. What is unique is now looked after at filing.
CREATE TABLE problems_without_index (
    fingerprint VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    prompt VARCHAR NOT NULL,
    answer VARCHAR NOT NULL,
    verifier VARCHAR NOT NULL,
    split VARCHAR,
    difficulty VARCHAR,
    demonstration VARCHAR,
    metadata JSON
);
INSERT INTO problems_without_index SELECT * FROM problems ORDER BY fingerprint, rowid;
DROP TABLE problems;
ALTER TABLE problems_without_index RENAME TO problems;
COMMENT ON TABLE problems IS 'A problem of a prepared set. Key: fingerprint, id (not indexed)';
COMMENT ON COLUMN problems.fingerprint IS 'content hash of the set, the name of its Parquet file';
COMMENT ON COLUMN problems.id IS 'the problem''s id, unique in its set';
COMMENT ON COLUMN problems.prompt IS 'what the model is given';
COMMENT ON COLUMN problems.answer IS 'what the verifier needs, not necessarily an answer of the model''s kind';
COMMENT ON COLUMN problems.verifier IS 'name of the verifier';
COMMENT ON COLUMN problems.split IS 'train or test';
COMMENT ON COLUMN problems.difficulty IS 'difficulty, as its source grades it';
COMMENT ON COLUMN problems.demonstration IS 'a right response';
COMMENT ON COLUMN problems.metadata IS 'all else that its source says of it';
