"""Queries of the reports: a connection (passk.store.reading) and an experiment's name -> pandas frames.

Queries return the stages and evaluations of the experiment's present configuration. Those of earlier versions of the
experiment file stay in the store, but no report shows them. All frames are sorted by their key columns. Sums of
fractions follow the order of the steps, which fixes their last digit.
"""

import json

import duckdb
import pandas as pd

from passk.base.errors import ConfigError, nearest
from passk.files.layout import ExperimentRecord


def experiment(connection: duckdb.DuckDBPyConnection, name: str) -> ExperimentRecord:
    """Return experiment.json as it was ingested. Raises ConfigError for a name that is not in the store."""
    columns = "name, question, config, command, versions, hardware, code, evaluations, failures, sessions"
    row = connection.execute(f"SELECT {columns} FROM experiments WHERE name = ?", [name]).fetchone()
    if row is None:
        known = names(connection)
        fix = nearest(name, known) if known else "run it first, or ingest its files"
        raise ConfigError(name, "no such experiment in the store", fix)
    values = dict(zip(columns.split(", "), row, strict=True))
    for column in ("config", "versions", "hardware", "code", "failures", "sessions"):
        values[column] = json.loads(values[column])
    stages = connection.execute(
        "SELECT name, stage FROM experiment_stages WHERE experiment = ? ORDER BY position", [name]
    ).fetchall()
    return ExperimentRecord(**values, stages=dict(stages))


def names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of all experiments."""
    return [name for (name,) in connection.execute("SELECT name FROM experiments ORDER BY name").fetchall()]


def stages(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """Return the finished stages.

    Columns: name, key, experiment (that trained it), kind, seed, problems (fingerprint), first_step, startup_seconds,
    ended (why), models (kept ones, JSON text or null), steps (their number), and sums over the steps: tokens, seconds,
    and (null for sft) seconds_generation, seconds_experience, seconds_training, seconds_sync.
    """
    return connection.execute(
        """
        SELECT named.name, stages.key, stages.experiment, stages.kind, stages.seed, stages.problems,
               stages.first_step, stages.startup_seconds, stages.ended, stages.models,
               count(steps.step) AS steps, sum(steps.tokens)::BIGINT AS tokens,
               sum(steps.seconds ORDER BY step) AS seconds,
               sum(seconds_generation ORDER BY step) AS seconds_generation,
               sum(seconds_experience ORDER BY step) AS seconds_experience,
               sum(seconds_training ORDER BY step) AS seconds_training, sum(seconds_sync ORDER BY step) AS seconds_sync
        FROM experiment_stages AS named
        JOIN stages ON stages.key = named.stage
        LEFT JOIN steps ON steps.stage = stages.key
        WHERE named.experiment = ?
        GROUP BY ALL ORDER BY named.name
        """,
        [name],
    ).df()


def steps(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """Return every step of the finished stages.

    Columns: stage (its name), kind, total_step (with the rl steps of ancestors) and all metrics of
    passk/files/schema.py; pass_at_k is a dict k -> value, correct_counts a list.
    """
    return connection.execute(
        """
        SELECT named.name AS stage, stages.kind, stages.first_step + steps.step AS total_step,
               steps.* EXCLUDE (stage)
        FROM experiment_stages AS named
        JOIN stages ON stages.key = named.stage
        JOIN steps ON steps.stage = stages.key
        WHERE named.experiment = ?
        ORDER BY named.name, steps.step
        """,
        [name],
    ).df()


def evaluations(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """Return the finished evaluations.

    Columns: checkpoint, step (null: the last), benchmark, key, problems (fingerprint), seed, seconds, prompt_tokens (of
    an endpoint), problem_count, sample_count, tokens, truncated (share cut at max_response).
    """
    return connection.execute(
        """
        SELECT latest.checkpoint, latest.step, latest.benchmark, latest.key, latest.problems, latest.seed,
               latest.seconds, latest.prompt_tokens::DOUBLE AS prompt_tokens,
               count(DISTINCT samples.problem) AS problem_count, count(*) AS sample_count,
               sum(samples.tokens)::BIGINT AS tokens,
               avg((samples.finish_reason = 'length')::INTEGER) AS truncated
        FROM current_evaluations AS latest
        JOIN samples ON samples.experiment = latest.experiment AND samples.evaluation = latest.key
        WHERE latest.experiment = ?
        GROUP BY ALL ORDER BY latest.checkpoint, latest.benchmark, latest.step NULLS LAST
        """,
        [name],
    ).df()


def problem_counts(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """Return the counts behind pass@k.

    Columns: checkpoint, step (of an earlier checkpoint of the stage; null: its last), benchmark, problem, difficulty, n
    (samples), c (correct samples).
    """
    return connection.execute(
        """
        SELECT latest.checkpoint, latest.step, latest.benchmark, counts.problem, counts.difficulty, counts.n, counts.c
        FROM current_evaluations AS latest
        JOIN problem_counts AS counts ON counts.experiment = latest.experiment AND counts.evaluation = latest.key
        WHERE latest.experiment = ?
        ORDER BY latest.checkpoint, latest.benchmark, latest.step NULLS LAST, counts.problem
        """,
        [name],
    ).df()


def transcripts(connection: duckdb.DuckDBPyConnection, name: str, checkpoint: str, each: int = 3) -> pd.DataFrame:
    """Return a few samples of one checkpoint, up to `each` of a sort.

    Columns: sort (correct, incorrect, truncated), benchmark, problem, sample, prompt, demonstration, response,
    extracted, reason, tokens. `prompt` is the text that the model saw. A hash picks the samples, one per problem and
    sort, so the choice is the same every time.
    A response cut at its length counts as truncated, whatever its verdict.
    """
    return connection.execute(
        """
        WITH judged AS (
            SELECT CASE WHEN samples.finish_reason = 'length' THEN 'truncated'
                        WHEN samples.correct THEN 'correct' ELSE 'incorrect' END AS sort,
                   latest.benchmark, samples.problem, samples.sample,
                   concat(latest.prompt_format->>'before', problems.prompt, latest.prompt_format->>'after') AS prompt,
                   problems.demonstration, samples.response, samples.extracted, samples.reason, samples.tokens,
                   md5(concat_ws('/', latest.benchmark, samples.problem, samples.sample, latest.step)) AS draw
            FROM current_evaluations AS latest
            JOIN samples ON samples.experiment = latest.experiment AND samples.evaluation = latest.key
            LEFT JOIN problems ON problems.fingerprint = latest.problems AND problems.id = samples.problem
            WHERE latest.experiment = ? AND latest.checkpoint = ?
        ), one_a_problem AS (
            SELECT * FROM judged
            QUALIFY row_number() OVER (PARTITION BY sort, benchmark, problem ORDER BY draw) = 1
        )
        SELECT * EXCLUDE (draw) FROM one_a_problem
        QUALIFY row_number() OVER (PARTITION BY sort ORDER BY draw) <= ?
        ORDER BY sort, draw
        """,
        [name, checkpoint, each],
    ).df()
