-- The views and macros of the store. Names inside lambdas begin with an underscore. DuckDB expands a macro as text, and
-- would confuse the lambda's parameter with a column of the same name.

CREATE MACRO pass_at_k(n, c, k) AS
    CASE WHEN c < 0 OR c > n OR k < 1 OR k > n
         THEN error(concat('pass_at_k(n, c, k): 0 <= c <= n and 1 <= k <= n, not n = ', n, ', c = ', c, ', k = ', k))
         WHEN n IS NULL OR c IS NULL OR k IS NULL THEN NULL
         WHEN c + k > n THEN 1.0::DOUBLE
         ELSE list_reduce(
             list_transform(range(least(c, k)::BIGINT), lambda _passk_i: greatest(c, k) / (n - _passk_i)),
             lambda _passk_sum, _passk_term: _passk_sum + _passk_term * (1 - _passk_sum),
             0.0::DOUBLE)
    END;
COMMENT ON MACRO pass_at_k IS 'Unbiased pass@k: the probability that k of n samples, c of them correct, have a correct one. 1 - C(n-c, k) / C(n, k) (Chen et al. 2021). An error for k > n';

CREATE MACRO pass_hat_k(n, c, k) AS
    CASE WHEN c < 0 OR c > n OR k < 1 OR k > n
         THEN error(concat('pass_hat_k(n, c, k): 0 <= c <= n and 1 <= k <= n, not n = ', n, ', c = ', c, ', k = ', k))
         WHEN n IS NULL OR c IS NULL OR k IS NULL THEN NULL
         WHEN k > c THEN 0.0::DOUBLE
         ELSE list_reduce(
             list_transform(range(least(n - c, k)::BIGINT), lambda _passk_i: (least(c, n - k) - _passk_i) / (n - _passk_i)),
             lambda _passk_product, _passk_term: _passk_product * _passk_term,
             1.0::DOUBLE)
    END;
COMMENT ON MACRO pass_hat_k IS 'Unbiased pass^k: the probability that k of n samples, c of them correct, are all correct. C(c, k) / C(n, k). An error for k > n';

CREATE MACRO few_incorrect(n, c, k) AS n - c < k;
COMMENT ON MACRO few_incorrect IS 'Whether a group of n rollouts, c of them correct, has fewer than k incorrect ones. Then every set of k has a correct one, and the Pass@k advantage is 0';

CREATE VIEW lineage AS
WITH RECURSIVE lines(stage, ancestor, distance) AS (
    SELECT key, key, 0 FROM stages
    UNION ALL
    SELECT lines.stage, stages.parent, lines.distance + 1
    FROM lines JOIN stages ON stages.key = lines.ancestor
    WHERE stages.parent IS NOT NULL
)
SELECT stage, ancestor, distance FROM lines;
COMMENT ON VIEW lineage IS 'A stage and all its ancestors';
COMMENT ON COLUMN lineage.stage IS 'stages.key';
COMMENT ON COLUMN lineage.ancestor IS 'stages.key of the stage itself or of an ancestor';
COMMENT ON COLUMN lineage.distance IS '0: itself, 1: the stage it starts from, ...';

CREATE VIEW current_evaluations AS
SELECT evaluations.experiment, evaluations.key,
       coalesce(named.name || CASE WHEN evaluations.best THEN '@best' ELSE '' END, evaluations.checkpoint) AS checkpoint,
       evaluations.step, evaluations.stage, evaluations.benchmark, evaluations.problems, evaluations.config, evaluations.seed,
       evaluations.versions, evaluations.prompt_format, evaluations.seconds, evaluations.prompt_tokens
FROM experiments
JOIN evaluations ON evaluations.experiment = experiments.name AND list_contains(experiments.evaluations, evaluations.key)
LEFT JOIN experiment_stages AS named ON named.experiment = evaluations.experiment AND named.stage = evaluations.stage;
COMMENT ON VIEW current_evaluations IS 'The finished evaluations of the present configuration, with the present name of their stage';
COMMENT ON COLUMN current_evaluations.experiment IS 'experiments.name';
COMMENT ON COLUMN current_evaluations.key IS 'hash of everything that determines the samples';
COMMENT ON COLUMN current_evaluations.checkpoint IS 'present name of the stage whose model was sampled, with @best for its best one; base: the experiment''s own model';
COMMENT ON COLUMN current_evaluations.step IS 'step of the stage whose model was sampled; NULL: its last step. A stage with evaluate_last has several';
COMMENT ON COLUMN current_evaluations.stage IS 'stages.key of that stage; NULL for base';
COMMENT ON COLUMN current_evaluations.benchmark IS 'the benchmark''s name in the experiment file';
COMMENT ON COLUMN current_evaluations.problems IS 'problems.fingerprint of the benchmark''s problems';
COMMENT ON COLUMN current_evaluations.config IS 'the resolved benchmark: samples, k, temperature, top_p, max_response';
COMMENT ON COLUMN current_evaluations.seed IS 'seed of the evaluation';
COMMENT ON COLUMN current_evaluations.versions IS 'package -> version';
COMMENT ON COLUMN current_evaluations.prompt_format IS 'chat template, system prompt, text before and after each prompt, end tokens; {}: not recorded';
COMMENT ON COLUMN current_evaluations.seconds IS 'wall time of generation and judging, without the engine''s start';
COMMENT ON COLUMN current_evaluations.prompt_tokens IS 'tokens of all prompts, as an endpoint counted them; NULL for vLLM';

CREATE VIEW problem_counts AS
SELECT own.experiment, evaluation_counts.evaluation, own.checkpoint, own.step, own.benchmark, evaluation_counts.problem,
       problems.difficulty, evaluation_counts.n, evaluation_counts.c
FROM current_evaluations AS own
JOIN evaluation_counts ON evaluation_counts.experiment = own.experiment AND evaluation_counts.evaluation = own.key
LEFT JOIN problems ON problems.fingerprint = own.problems AND problems.id = evaluation_counts.problem;
COMMENT ON VIEW problem_counts IS 'The counts behind pass@k: samples and correct samples of a problem in an evaluation';
COMMENT ON COLUMN problem_counts.experiment IS 'experiments.name';
COMMENT ON COLUMN problem_counts.evaluation IS 'evaluations.key';
COMMENT ON COLUMN problem_counts.checkpoint IS 'present name of the stage whose model was sampled, with @best for its best one; base: the experiment''s own model';
COMMENT ON COLUMN problem_counts.step IS 'step of the stage whose model was sampled; NULL: its last step';
COMMENT ON COLUMN problem_counts.benchmark IS 'the benchmark''s name in the experiment file';
COMMENT ON COLUMN problem_counts.problem IS 'problems.id';
COMMENT ON COLUMN problem_counts.difficulty IS 'difficulty that its source assigns';
COMMENT ON COLUMN problem_counts.n IS 'samples of the problem';
COMMENT ON COLUMN problem_counts.c IS 'correct samples of the problem';


-- k: powers of two and the k of the experiment file, up to the number of samples that every problem has.
CREATE VIEW pass_at_k AS
WITH counts AS (
    SELECT own.experiment, own.benchmark, own.checkpoint, own.config, evaluation_counts.problem, evaluation_counts.n, evaluation_counts.c,
           min(evaluation_counts.n) OVER (PARTITION BY own.experiment, own.key) AS samples
    FROM current_evaluations AS own
    JOIN evaluation_counts ON evaluation_counts.experiment = own.experiment AND evaluation_counts.evaluation = own.key
), each_k AS (
    SELECT * EXCLUDE (config), unnest(list_distinct(list_filter(
        list_concat(
            list_transform(range(15), lambda _passk_i: (2 ** _passk_i)::INTEGER),
            from_json(json_extract(config, '$.k'), '["INTEGER"]')),
        lambda _passk_k: _passk_k <= samples))) AS k
    FROM counts
)
SELECT experiment, benchmark, checkpoint, k, avg(pass_at_k(n, c, k) ORDER BY problem) AS pass_at_k,
       avg(pass_hat_k(n, c, k) ORDER BY problem) AS pass_hat_k, count(DISTINCT problem) AS problems, any_value(samples) AS samples
FROM each_k
GROUP BY experiment, benchmark, checkpoint, k;
COMMENT ON VIEW pass_at_k IS 'pass@k of every checkpoint of the present configuration, mean over problems, and over the checkpoints of a stage with evaluate_last. The report and passk.evaluation compute the intervals';
COMMENT ON COLUMN pass_at_k.experiment IS 'experiments.name';
COMMENT ON COLUMN pass_at_k.benchmark IS 'the benchmark''s name in the experiment file';
COMMENT ON COLUMN pass_at_k.checkpoint IS 'present name of the stage whose model was sampled, with @best for its best one; base: the experiment''s own model';
COMMENT ON COLUMN pass_at_k.k IS 'powers of two and the benchmark''s own k, up to samples';
COMMENT ON COLUMN pass_at_k.pass_at_k IS 'unbiased probability that k samples have a correct one, mean over problems';
COMMENT ON COLUMN pass_at_k.pass_hat_k IS 'unbiased probability that k samples are all correct, mean over problems';
COMMENT ON COLUMN pass_at_k.problems IS 'problems';
COMMENT ON COLUMN pass_at_k.samples IS 'samples of the problem with the fewest';

CREATE VIEW leaderboard AS
WITH spent AS (
    SELECT lineage.stage, sum(costs.seconds ORDER BY lineage.distance, costs.phase) AS seconds,
           sum(costs.tokens)::BIGINT AS tokens,
           sum(costs.seconds * stages.gpus ORDER BY lineage.distance, costs.phase) AS gpu_seconds
    FROM lineage
    JOIN costs ON costs.kind = 'stage' AND costs.item = lineage.ancestor
    LEFT JOIN stages ON stages.key = lineage.ancestor
    GROUP BY lineage.stage
), totals AS (
    SELECT own.experiment, own.benchmark, own.checkpoint, own.stage,
           count(*) FILTER (evaluation_counts.c > 0) / count(*) AS solved,  -- a mean over a stage's checkpoints
           sum(evaluation_counts.truncated) / sum(evaluation_counts.n) AS truncated,
           sum(evaluation_counts.tokens) / sum(evaluation_counts.n) AS "length",
           avg(evaluation_counts."distinct" / evaluation_counts.n ORDER BY evaluation_counts.problem) AS "distinct"
    FROM current_evaluations AS own
    JOIN evaluation_counts ON evaluation_counts.experiment = own.experiment AND evaluation_counts.evaluation = own.key
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
COMMENT ON VIEW leaderboard IS 'Checkpoints of the present configuration on each benchmark, the highest pass@1 first. Differences may be chance: the report has the intervals';
COMMENT ON COLUMN leaderboard.experiment IS 'experiments.name';
COMMENT ON COLUMN leaderboard.benchmark IS 'the benchmark''s name in the experiment file';
COMMENT ON COLUMN leaderboard.rank IS 'by pass@1, in the experiment and benchmark';
COMMENT ON COLUMN leaderboard.checkpoint IS 'present name of the stage whose model was sampled, with @best for its best one; base: the experiment''s own model';
COMMENT ON COLUMN leaderboard.pass_at_1 IS 'share of correct samples, mean over problems';
COMMENT ON COLUMN leaderboard.k IS 'largest k of the view pass_at_k';
COMMENT ON COLUMN leaderboard.pass_at_k IS 'unbiased pass@k at that k, mean over problems';
COMMENT ON COLUMN leaderboard.solved IS 'share of problems with a correct sample';
COMMENT ON COLUMN leaderboard.problems IS 'problems';
COMMENT ON COLUMN leaderboard.samples IS 'samples of the problem with the fewest';
COMMENT ON COLUMN leaderboard.truncated IS 'share of samples cut at max_response';
COMMENT ON COLUMN leaderboard.length IS 'mean response tokens';
COMMENT ON COLUMN leaderboard."distinct" IS 'distinct responses of a problem / its samples, mean over problems';
COMMENT ON COLUMN leaderboard.total_step IS 'its rl steps and those of its ancestors';
COMMENT ON COLUMN leaderboard.train_tokens IS 'response tokens generated in its training, with its ancestors';
COMMENT ON COLUMN leaderboard.train_seconds IS 'wall time of its training, with its ancestors';
COMMENT ON COLUMN leaderboard.train_gpu_seconds IS 'train_seconds times the GPUs of each stage, with those of its engines; NULL on CPUs';

CREATE VIEW learning_curves AS
SELECT named.experiment, named.name AS stage, stages.kind, steps.step, stages.first_step + steps.step AS total_step,
       steps.estimator, steps.k, steps.reward, steps.pass_at_k, steps.entropy, steps."distinct", steps.all_incorrect,
       steps.all_correct, steps.few_incorrect, steps.length, steps.truncated, steps.loss, steps.lr, steps.grad_norm,
       steps.clip_ratio, steps.seconds,
       sum(steps.tokens) OVER (PARTITION BY named.experiment, named.name ORDER BY steps.step)::BIGINT AS tokens
FROM experiment_stages AS named
JOIN stages ON stages.key = named.stage
JOIN steps ON steps.stage = stages.key;
COMMENT ON VIEW learning_curves IS 'Every step of the finished stages of the present configuration, with their present names';
COMMENT ON COLUMN learning_curves.experiment IS 'experiments.name';
COMMENT ON COLUMN learning_curves.stage IS 'the stage''s name in the experiment file';
COMMENT ON COLUMN learning_curves.kind IS 'sft or rl';
COMMENT ON COLUMN learning_curves.step IS 'step of the stage, from 1';
COMMENT ON COLUMN learning_curves.total_step IS 'step plus the rl steps of its ancestors';
COMMENT ON COLUMN learning_curves.estimator IS 'advantage estimator';
COMMENT ON COLUMN learning_curves.k IS 'k of the estimator in this step';
COMMENT ON COLUMN learning_curves.reward IS 'mean reward of the step''s rollouts';
COMMENT ON COLUMN learning_curves.pass_at_k IS 'k -> unbiased pass@k of the step''s own groups, for example pass_at_k[8]';
COMMENT ON COLUMN learning_curves.entropy IS 'policy entropy, nats a token';
COMMENT ON COLUMN learning_curves."distinct" IS 'distinct responses of a group / N, mean over groups';
COMMENT ON COLUMN learning_curves.all_incorrect IS 'share of groups without a correct rollout';
COMMENT ON COLUMN learning_curves.all_correct IS 'share of groups without an incorrect rollout';
COMMENT ON COLUMN learning_curves.few_incorrect IS 'share of groups with fewer than k incorrect rollouts, where the Pass@k advantage is 0';
COMMENT ON COLUMN learning_curves.length IS 'mean response tokens';
COMMENT ON COLUMN learning_curves.truncated IS 'share of responses cut at max_response';
COMMENT ON COLUMN learning_curves.loss IS 'sft only: mean negative log-likelihood of a response token, in nats';
COMMENT ON COLUMN learning_curves.lr IS 'learning rate';
COMMENT ON COLUMN learning_curves.grad_norm IS 'norm of the gradient before clipping';
COMMENT ON COLUMN learning_curves.clip_ratio IS 'share of tokens whose PPO ratio was clipped';
COMMENT ON COLUMN learning_curves.seconds IS 'wall time of the step';
COMMENT ON COLUMN learning_curves.tokens IS 'response tokens of the stage up to and including this step';

CREATE VIEW evaluation_curve AS
SELECT named.experiment, named.name AS stage, points.step, stages.first_step + points.step AS total_step,
       points.benchmark, points.k, points.pass_at_k, points.lower, points.upper, points.maj_at_k,
       points.maj_lower, points.maj_upper, points.samples,
       points.problem_count, points.seconds
FROM experiment_stages AS named
JOIN stages ON stages.key = named.stage
JOIN training_evaluations AS points ON points.stage = stages.key;
COMMENT ON VIEW evaluation_curve IS 'Evaluations during the training of the finished stages of the present configuration, with their present names';
COMMENT ON COLUMN evaluation_curve.experiment IS 'experiments.name';
COMMENT ON COLUMN evaluation_curve.stage IS 'the stage''s name in the experiment file';
COMMENT ON COLUMN evaluation_curve.step IS 'steps of the stage before the evaluation; 0: its start';
COMMENT ON COLUMN evaluation_curve.total_step IS 'step plus the rl steps of its ancestors';
COMMENT ON COLUMN evaluation_curve.benchmark IS 'the benchmark''s name in the experiment file at the training';
COMMENT ON COLUMN evaluation_curve.k IS 'k of the benchmark up to samples, and 1';
COMMENT ON COLUMN evaluation_curve.pass_at_k IS 'unbiased pass@k, mean over problems';
COMMENT ON COLUMN evaluation_curve.lower IS 'lower end of its 95 % interval over problems';
COMMENT ON COLUMN evaluation_curve.upper IS 'upper end of its 95 % interval over problems';
COMMENT ON COLUMN evaluation_curve.maj_at_k IS 'unbiased maj@k, mean over problems; NULL at k = 1';
COMMENT ON COLUMN evaluation_curve.maj_lower IS 'lower end of the 95 % interval of maj@k over problems';
COMMENT ON COLUMN evaluation_curve.maj_upper IS 'upper end of the 95 % interval of maj@k over problems';
COMMENT ON COLUMN evaluation_curve.samples IS 'samples per problem';
COMMENT ON COLUMN evaluation_curve.problem_count IS 'problems';
COMMENT ON COLUMN evaluation_curve.seconds IS 'wall time of the evaluation';

CREATE VIEW group_diagnostics AS
SELECT named.experiment, named.name AS stage, groups.step, stages.first_step + groups.step AS total_step,
       problems.difficulty, any_value(groups.estimator) AS estimator, max(groups.k) AS k, count(*) AS groups,
       count(*) FILTER (groups.zero_advantage) AS zero_advantage, count(*) FILTER (groups.c = 0) AS all_incorrect,
       count(*) FILTER (groups.c = groups.n) AS all_correct,
       count(*) FILTER (few_incorrect(groups.n, groups.c, groups.k)) AS few_incorrect,
       sum(groups.c) / sum(groups.n) AS correct_share, sum(groups."distinct") / sum(groups.n) AS distinct_share
FROM experiment_stages AS named
JOIN stages ON stages.key = named.stage
JOIN groups ON groups.stage = stages.key
LEFT JOIN problems ON problems.fingerprint = stages.problems AND problems.id = groups.problem
GROUP BY named.experiment, named.name, groups.step, stages.first_step, problems.difficulty;
COMMENT ON VIEW group_diagnostics IS 'Counts of the groups of every training step by difficulty. They can be summed over difficulties and steps';
COMMENT ON COLUMN group_diagnostics.experiment IS 'experiments.name';
COMMENT ON COLUMN group_diagnostics.stage IS 'the stage''s name in the experiment file';
COMMENT ON COLUMN group_diagnostics.step IS 'step of the stage, from 1';
COMMENT ON COLUMN group_diagnostics.total_step IS 'step plus the rl steps of its ancestors';
COMMENT ON COLUMN group_diagnostics.difficulty IS 'difficulty that the problems'' source assigns';
COMMENT ON COLUMN group_diagnostics.estimator IS 'advantage estimator';
COMMENT ON COLUMN group_diagnostics.k IS 'k of the estimator in this step';
COMMENT ON COLUMN group_diagnostics.groups IS 'groups';
COMMENT ON COLUMN group_diagnostics.zero_advantage IS 'groups in which every advantage is 0';
COMMENT ON COLUMN group_diagnostics.all_incorrect IS 'groups without a correct rollout';
COMMENT ON COLUMN group_diagnostics.all_correct IS 'groups without an incorrect rollout';
COMMENT ON COLUMN group_diagnostics.few_incorrect IS 'groups with fewer than k incorrect rollouts, where the Pass@k advantage is 0';
COMMENT ON COLUMN group_diagnostics.correct_share IS 'correct rollouts / rollouts';
COMMENT ON COLUMN group_diagnostics.distinct_share IS 'distinct responses of the groups / rollouts';


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
COMMENT ON VIEW failed_attempts IS 'Failures in the runs of the command, including those whose retry succeeded';
COMMENT ON COLUMN failed_attempts.experiment IS 'experiments.name';
COMMENT ON COLUMN failed_attempts.run IS 'number of the run of the command, from 1';
COMMENT ON COLUMN failed_attempts.started IS 'start of that run';
COMMENT ON COLUMN failed_attempts.what IS 'phase of the run, for example prepare, start Ray, evaluate, ingest, or train and the stage''s name';
COMMENT ON COLUMN failed_attempts.step IS 'last recorded step of a stage';
COMMENT ON COLUMN failed_attempts.reason IS 'one line';

