"""Further queries of the reports, with the arguments and the order of passk/store/queries.py."""

import duckdb
import pandas as pd


def traits(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """Return the problems of each benchmark: benchmark, problem, difficulty (text), metadata (JSON text)."""
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
    """Return the times of the finished stages as jobs.

    Columns: name, own (trained by this experiment), wall_seconds and startup_seconds of the last run, step_seconds (sum
    of all steps).
    """
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


def evaluation_curve(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """Return the evaluations during the training: the columns of the view evaluation_curve without `experiment`."""
    return connection.execute(
        "SELECT * EXCLUDE (experiment) FROM evaluation_curve WHERE experiment = ? ORDER BY stage, benchmark, step, k",
        [name],
    ).df()


def ranked(connection: duckdb.DuckDBPyConnection, name: str, benchmarks: list[str]) -> pd.DataFrame:
    """Return the samples of benchmarks: checkpoint, step (null: the last), benchmark, problem, and lists of correct
    and logprob.

    A sample without a log-probability has NaN.
    """
    return connection.execute(
        """
        SELECT own.checkpoint, own.step, own.benchmark, samples.problem,
               list(samples.correct ORDER BY samples.sample) AS correct,
               list(coalesce(samples.logprob, 'nan'::DOUBLE) ORDER BY samples.sample) AS logprob
        FROM current_evaluations AS own
        JOIN samples ON samples.experiment = own.experiment AND samples.evaluation = own.key
        WHERE own.experiment = ? AND list_contains(?, own.benchmark)
        GROUP BY ALL ORDER BY own.checkpoint, own.step, own.benchmark, samples.problem
        """,
        [name, benchmarks],
    ).df()


def pauses(connection: duckdb.DuckDBPyConnection, name: str, least: float = 15.0) -> pd.DataFrame:
    """Return the pauses between steps: name, step (the first after the pause), seconds between the two steps.

    A restart after a kill or failure leaves such a gap in the steps' clock: longer than `least` seconds and than ten
    steps. A repeated step counts with its last time.
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
    """Return the reasons of the verdicts.

    Columns: checkpoint, benchmark (null: the stage's own training), reason, share of the responses. Correct responses
    have the reason `correct`. A stage whose reward is not from passk's verifiers has no row for training.
    """
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
