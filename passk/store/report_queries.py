"""What reports ask of the store beside passk/store/queries.py: the same form, the same promises."""

import duckdb
import pandas as pd


def traits(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """What is known of each benchmark's problems: benchmark, problem, difficulty (text), metadata (JSON text)."""
    return connection.execute(
        """
        SELECT DISTINCT own.benchmark, problems.id AS problem, problems.difficulty, problems.metadata
        FROM current_evaluations AS own
        JOIN problems ON problems.fingerprint = own.problems
        WHERE own.experiment = ?
        ORDER BY own.benchmark, problems.id
        """,
        [name],
    ).df()


def launches(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """What a finished stage took as a job: name, own (trained by this experiment), wall_seconds of the last go,
    step_seconds (sum of all its steps), startup_seconds of the last go."""
    return connection.execute(
        """
        SELECT named.name, stages.experiment = named.experiment AS own, stages.seconds AS wall_seconds,
               sum(steps.seconds ORDER BY steps.step) AS step_seconds, stages.startup_seconds
        FROM experiment_stages AS named
        JOIN stages ON stages.key = named.stage
        LEFT JOIN steps ON steps.stage = stages.key
        WHERE named.experiment = ?
        GROUP BY ALL ORDER BY named.name
        """,
        [name],
    ).df()


def pauses(connection: duckdb.DuckDBPyConnection, name: str, least: float = 15.0) -> pd.DataFrame:
    """Where a stage's steps stood still and went on: name, step (the first one after), seconds between the two.

    A job that was killed or failed and was started again leaves such a gap in the steps' clock: longer than `least`
    seconds and than ten steps. A step that was done again counts from when it was done last.
    """
    return connection.execute(
        """
        WITH gaps AS (
            SELECT named.name, steps.step,
                   steps.time - steps.seconds
                   - lag(steps.time) OVER (PARTITION BY stages.key ORDER BY steps.step) AS gap,
                   median(steps.seconds) OVER (PARTITION BY stages.key) AS usual
            FROM experiment_stages AS named
            JOIN stages ON stages.key = named.stage
            JOIN steps ON steps.stage = stages.key
            WHERE named.experiment = ?
        )
        SELECT name, step, gap AS seconds FROM gaps WHERE gap > greatest(?, 10 * usual) ORDER BY name, step
        """,
        [name, least],
    ).df()


def reasons(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """What the verdicts gave as their reason: checkpoint, benchmark (null: the stage's own training), reason, share of
    the responses. Right ones have the reason `correct`; a stage whose reward is not passk's has no row of training."""
    return connection.execute(
        """
        WITH entries AS (
            SELECT named.name AS checkpoint, steps.step, unnest(map_entries(steps.reasons)) AS entry,
                   list_sum(steps.correct_counts) AS weight
            FROM experiment_stages AS named
            JOIN steps ON steps.stage = named.stage
            WHERE named.experiment = $name AND steps.reasons IS NOT NULL
        ), training AS (
            SELECT checkpoint, NULL AS benchmark, entry.key AS reason, sum(entry.value * weight ORDER BY step) AS weight
            FROM entries GROUP BY checkpoint, entry.key
        ), evaluation AS (
            SELECT own.checkpoint, own.benchmark,
                   CASE WHEN samples.correct THEN 'correct' ELSE coalesce(samples.reason, 'none given') END AS reason,
                   count(*)::DOUBLE AS weight
            FROM current_evaluations AS own
            JOIN samples ON samples.experiment = own.experiment AND samples.evaluation = own.key
            WHERE own.experiment = $name
            GROUP BY ALL
        )
        SELECT checkpoint, benchmark, reason,
               weight / sum(weight) OVER (
                   PARTITION BY checkpoint, benchmark ORDER BY reason
                   ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
               ) AS share
        FROM (FROM training UNION ALL FROM evaluation)
        ORDER BY checkpoint, benchmark NULLS FIRST, reason
        """,
        {"name": name},
    ).df()
