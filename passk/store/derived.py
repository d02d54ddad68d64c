"""Derived rows: groups, evaluation_counts, checkpoints, costs.

They are written in the transaction of their source rows. Distinct responses are counted by 64-bit hash, which is much
faster: the chance of a collision in a group of 1,024 is 3e-14. Sums of seconds are ordered, so their last digit does
not depend on the number of threads.
"""

import duckdb

_GROUPS = """
INSERT INTO groups
WITH counted AS (
    SELECT step, problem, occurrence, max(k) AS k, count(*) AS n, count(*) FILTER (reward = 1) AS c,
           bool_and(advantage = 0) AS zero_advantage, count(DISTINCT hash(response)) AS "distinct",
           count(*) FILTER (truncated) AS truncated, sum(tokens) AS tokens
    FROM rollouts WHERE stage = $stage
    GROUP BY step, problem, occurrence
)
SELECT $stage, counted.step, problem, occurrence, steps.estimator, counted.k, n, c, zero_advantage, counted."distinct",
       counted.truncated, counted.tokens
FROM counted
LEFT JOIN steps ON steps.stage = $stage AND steps.step = counted.step
ORDER BY counted.step, problem, occurrence
"""

_CHECKPOINT = """
INSERT INTO checkpoints
SELECT key, experiment, last.step, first_step + CASE kind WHEN 'rl' THEN last.step ELSE 0 END,
       experiment || '/stages/' || key || '/model'
FROM stages, (SELECT max(step) AS step FROM steps WHERE stage = $stage) AS last WHERE key = $stage
"""

_STAGE_COSTS = """
INSERT INTO costs
WITH sums AS (
    SELECT sum(seconds ORDER BY step) AS seconds, sum(tokens)::BIGINT AS tokens,
           sum(seconds_generation ORDER BY step) AS generation, sum(seconds_experience ORDER BY step) AS experience,
           sum(seconds_training ORDER BY step) AS training, sum(seconds_sync ORDER BY step) AS sync,
           sum(seconds - seconds_generation - seconds_experience - seconds_training - seconds_sync ORDER BY step)
               AS other
    FROM steps WHERE stage = $stage
), phases AS (
    SELECT stages.experiment, stages.key, unnest([
        {phase: 'startup', seconds: startup_seconds, tokens: NULL},
        {phase: 'generation', seconds: generation, tokens: sums.tokens},
        {phase: 'experience', seconds: experience, tokens: NULL},
        {phase: 'training', seconds: CASE kind WHEN 'sft' THEN sums.seconds ELSE training END, tokens: NULL},
        {phase: 'sync', seconds: sync, tokens: NULL},
        {phase: 'other', seconds: CASE WHEN other < 0 THEN 0 ELSE other END, tokens: NULL}
    ], recursive := true)
    FROM stages, sums WHERE stages.key = $stage
)
SELECT experiment, 'stage', key, phase, seconds, tokens FROM phases WHERE seconds IS NOT NULL ORDER BY ALL
"""

_EVALUATIONS = """
INSERT INTO evaluation_counts
SELECT experiment, evaluation, problem, count(*), count(*) FILTER (correct), count(DISTINCT response),
       count(DISTINCT nullif(extracted, '')), count(*) FILTER (finish_reason = 'length'), sum(tokens)
FROM samples WHERE experiment = $experiment AND evaluation = $evaluation
GROUP BY experiment, evaluation, problem ORDER BY problem
"""

_SAMPLING_COSTS = """
INSERT INTO costs
SELECT experiment, 'evaluation', key, 'evaluation', seconds,
       (SELECT sum(tokens) FROM evaluation_counts WHERE experiment = $experiment AND evaluation = $evaluation)
FROM evaluations WHERE experiment = $experiment AND key = $evaluation
"""

_SESSION_COSTS = """
INSERT INTO costs
WITH each_session AS (
    SELECT name, unnest(from_json(sessions, '["JSON"]')) AS session FROM experiments WHERE name = $experiment
), each_phase AS (
    SELECT name, json_extract_string(session, '$.started') AS started,
           unnest(map_entries(json_extract(session, '$.phases')::MAP(VARCHAR, DOUBLE))) AS entry
    FROM each_session
)
SELECT name, 'session', coalesce(started, ''), entry.key, entry.value, NULL FROM each_phase ORDER BY ALL
"""


def of_stage(connection: duckdb.DuckDBPyConnection, stage: str) -> None:
    """Insert the groups and the checkpoint of an ingested stage, and replace its costs."""
    connection.execute("DELETE FROM costs WHERE kind = 'stage' AND item = ?", [stage])
    for statement in (_GROUPS, _CHECKPOINT, _STAGE_COSTS):
        connection.execute(statement, {"stage": stage})


def of_evaluation(connection: duckdb.DuckDBPyConnection, experiment: str, evaluation: str) -> None:
    """Insert the evaluation_counts of an ingested evaluation, and replace its cost."""
    key = {"experiment": experiment, "evaluation": evaluation}
    connection.execute(
        "DELETE FROM costs WHERE kind = 'evaluation' AND experiment = $experiment AND item = $evaluation", key
    )
    for statement in (_EVALUATIONS, _SAMPLING_COSTS):
        connection.execute(statement, key)


def of_experiment(connection: duckdb.DuckDBPyConnection, experiment: str) -> None:
    """Replace the costs of an experiment's sessions."""
    connection.execute("DELETE FROM costs WHERE kind = 'session' AND experiment = ?", [experiment])
    connection.execute(_SESSION_COSTS, {"experiment": experiment})
