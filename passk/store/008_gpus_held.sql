-- An rl stage whose engines have GPUs of their own holds those too. And what 007 made of the present configuration says so.

CREATE OR REPLACE VIEW leaderboard AS
WITH computed AS (
    SELECT stages.key AS stage, stages.kind, json_extract(experiments.config, '$.compute') AS compute
    FROM stages JOIN experiments ON experiments.name = stages.experiment
    WHERE json_extract_string(experiments.config, '$.compute.profile') = 'gpu'
), held AS (
    SELECT stage,
           json_extract(compute, '$.nodes')::INTEGER * json_extract(compute, '$.gpus_per_node')::INTEGER
           + CASE WHEN kind = 'rl' AND NOT json_extract(compute, '$.colocate')::BOOLEAN THEN
                 json_extract(compute, '$.engines')::INTEGER * json_extract(compute, '$.tensor_parallel')::INTEGER
             ELSE 0 END AS gpus
    FROM computed
), spent AS (
    SELECT lineage.stage, sum(costs.seconds ORDER BY lineage.distance, costs.phase) AS seconds,
           sum(costs.tokens)::BIGINT AS tokens,
           sum(costs.seconds * held.gpus ORDER BY lineage.distance, costs.phase) AS gpu_seconds
    FROM lineage
    JOIN costs ON costs.kind = 'stage' AND costs.item = lineage.ancestor
    LEFT JOIN held ON held.stage = lineage.ancestor
    GROUP BY lineage.stage
), totals AS (
    SELECT own.experiment, own.benchmark, own.checkpoint, own.stage,
           count(*) FILTER (evaluations.c > 0) / count(*) AS solved,
           sum(evaluations.truncated) / sum(evaluations.n) AS truncated,
           sum(evaluations.tokens) / sum(evaluations.n) AS "length",
           avg(evaluations."distinct" / evaluations.n ORDER BY evaluations.problem) AS "distinct"
    FROM current_samplings AS own
    JOIN evaluations ON evaluations.experiment = own.experiment AND evaluations.sampling = own.key
    GROUP BY own.experiment, own.benchmark, own.checkpoint, own.stage
), curves AS (
    SELECT experiment, benchmark, checkpoint, any_value(problems) AS problems, any_value(samples) AS samples,
           arg_min(pass_at_k, k) AS pass_at_1, max(k) AS k, arg_max(pass_at_k, k) AS pass_at_k
    FROM pass_at_k GROUP BY experiment, benchmark, checkpoint
)
SELECT totals.experiment, totals.benchmark,
       rank() OVER (PARTITION BY totals.experiment, totals.benchmark ORDER BY curves.pass_at_1 DESC) AS rank,
       totals.checkpoint, curves.pass_at_1, curves.k, curves.pass_at_k, totals.solved, curves.problems, curves.samples,
       totals.truncated, totals.length, totals."distinct", checkpoints.total_step,
       spent.tokens AS train_tokens, spent.seconds AS train_seconds, spent.gpu_seconds AS train_gpu_seconds
FROM totals
JOIN curves ON curves.experiment = totals.experiment AND curves.benchmark = totals.benchmark
           AND curves.checkpoint = totals.checkpoint
LEFT JOIN checkpoints ON checkpoints.stage = totals.stage
LEFT JOIN spent ON spent.stage = totals.stage
ORDER BY totals.experiment, totals.benchmark, rank, totals.checkpoint;
COMMENT ON VIEW leaderboard IS 'Checkpoints of the present configuration on each benchmark, the highest pass@1 first. A lead may be chance: the report has the intervals';
COMMENT ON COLUMN leaderboard.experiment IS 'experiments.name';
COMMENT ON COLUMN leaderboard.benchmark IS 'the benchmark''s name in the experiment file';
COMMENT ON COLUMN leaderboard.rank IS 'by pass@1, in the experiment and benchmark';
COMMENT ON COLUMN leaderboard.checkpoint IS 'present name of the stage whose model was sampled; base: the experiment''s own model';
COMMENT ON COLUMN leaderboard.pass_at_1 IS 'share of right samples, mean over problems';
COMMENT ON COLUMN leaderboard.k IS 'largest k of the view pass_at_k';
COMMENT ON COLUMN leaderboard.pass_at_k IS 'unbiased pass@k at that k, mean over problems';
COMMENT ON COLUMN leaderboard.solved IS 'share of problems with a right sample';
COMMENT ON COLUMN leaderboard.problems IS 'problems';
COMMENT ON COLUMN leaderboard.samples IS 'samples of the problem that has the fewest';
COMMENT ON COLUMN leaderboard.truncated IS 'share of samples cut at max_response';
COMMENT ON COLUMN leaderboard.length IS 'mean response tokens';
COMMENT ON COLUMN leaderboard."distinct" IS 'distinct responses of a problem / its samples, mean over problems';
COMMENT ON COLUMN leaderboard.total_step IS 'rl steps behind it, those of its ancestors included';
COMMENT ON COLUMN leaderboard.train_tokens IS 'response tokens generated to train it, its ancestors included';
COMMENT ON COLUMN leaderboard.train_seconds IS 'wall time of training it, its ancestors included';
COMMENT ON COLUMN leaderboard.train_gpu_seconds IS 'the same times the GPUs that each stage held, its engines'' own among them; NULL on a CPU';

COMMENT ON COLUMN problem_counts.checkpoint IS 'present name of the stage whose model was sampled; base: the experiment''s own model';
