-- The tables of the store, with their version in passk/store/schema.py. It makes the tables steps, rollouts and samples
-- from passk/files/schema.py. Every row can be rebuilt from the files that passk/files/layout.py describes. Small tables have their natural key as PRIMARY KEY. Rollouts and samples grow to
-- millions of rows, so only the comment names their key: an index would be larger than the rows.

CREATE TABLE store_version (
    version INTEGER NOT NULL
);
COMMENT ON TABLE store_version IS 'The version of the schema, one row';
COMMENT ON COLUMN store_version.version IS 'passk.store.schema.VERSION of the passk that made the store';

CREATE TABLE experiments (
    name VARCHAR PRIMARY KEY,
    question VARCHAR NOT NULL,
    config JSON NOT NULL,
    command VARCHAR NOT NULL,
    versions JSON NOT NULL,
    hardware JSON NOT NULL,
    code JSON NOT NULL,
    evaluations VARCHAR[] NOT NULL,
    failures JSON NOT NULL,
    sessions JSON NOT NULL
);
COMMENT ON TABLE experiments IS 'An experiment and its runs: experiment.json. Key: name';
COMMENT ON COLUMN experiments.name IS 'the experiment''s name, also its directory under runs/';
COMMENT ON COLUMN experiments.question IS 'question of the experiment';
COMMENT ON COLUMN experiments.config IS 'the resolved experiment file';
COMMENT ON COLUMN experiments.command IS 'the command that ran it';
COMMENT ON COLUMN experiments.versions IS 'package -> version';
COMMENT ON COLUMN experiments.hardware IS 'hardware of the run';
COMMENT ON COLUMN experiments.evaluations IS 'keys of the evaluations of the present configuration';
COMMENT ON COLUMN experiments.failures IS 'stage or evaluation name -> one line';
COMMENT ON COLUMN experiments.code IS 'commit of the checkout of the latest run of the command, and whether it was dirty; empty: no checkout';
COMMENT ON COLUMN experiments.sessions IS 'an object per run of the command: started, code (commit and dirty, of this run), before (seconds of its process before started), seconds, busy (seconds with a phase), phases {name: seconds}, failed [{what, step, reason}], ended (done, failed; null: stopped or killed)';

CREATE TABLE experiment_stages (
    experiment VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    stage VARCHAR NOT NULL,
    PRIMARY KEY (experiment, name)
);
COMMENT ON TABLE experiment_stages IS 'Stages of the present configuration by name. Key: experiment, name';
COMMENT ON COLUMN experiment_stages.experiment IS 'experiments.name';
COMMENT ON COLUMN experiment_stages.name IS 'the stage''s name in the experiment file';
COMMENT ON COLUMN experiment_stages.position IS 'position in the order of the graph, from 0';
COMMENT ON COLUMN experiment_stages.stage IS 'stages.key; the stage may not be finished yet';

CREATE TABLE stages (
    key VARCHAR PRIMARY KEY,
    experiment VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    parent VARCHAR,
    config JSON NOT NULL,
    seed BIGINT NOT NULL,
    problems VARCHAR NOT NULL,
    first_step INTEGER NOT NULL,
    versions JSON NOT NULL,
    seconds DOUBLE,
    startup_seconds DOUBLE,
    ended VARCHAR,
    models JSON,
    gpus INTEGER
);
COMMENT ON TABLE stages IS 'A finished training stage: stage.json. Key: key; experiments with the same configuration share it';
COMMENT ON COLUMN stages.key IS 'hash of everything that determines the result of the stage';
COMMENT ON COLUMN stages.experiment IS 'name of the experiment that trained it';
COMMENT ON COLUMN stages.name IS 'name of the stage at its training';
COMMENT ON COLUMN stages.kind IS 'sft or rl';
COMMENT ON COLUMN stages.parent IS 'key of the stage it starts from; NULL: from the experiment''s own model';
COMMENT ON COLUMN stages.config IS 'the resolved stage';
COMMENT ON COLUMN stages.seed IS 'seed of the stage';
COMMENT ON COLUMN stages.problems IS 'problems.fingerprint of the training problems';
COMMENT ON COLUMN stages.first_step IS 'rl steps of its ancestors';
COMMENT ON COLUMN stages.versions IS 'package -> version';
COMMENT ON COLUMN stages.seconds IS 'wall time of the run that finished it';
COMMENT ON COLUMN stages.startup_seconds IS 'wall time of that run before the first step';
COMMENT ON COLUMN stages.models IS 'models of other checkpoints: keep (the choice), last (steps of the last checkpoints, the last step first), best (step of the best one); NULL: the last model alone';
COMMENT ON COLUMN stages.gpus IS 'GPUs that it holds, with those of its engines; NULL on CPUs';
COMMENT ON COLUMN stages.ended IS 'why it ended: all of its steps are done, or a condition of it was met at an earlier one; NULL: trained by an earlier passk';

CREATE TABLE problems (
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
COMMENT ON TABLE problems IS 'A problem of a prepared set. Key: fingerprint, id (not indexed)';
COMMENT ON COLUMN problems.fingerprint IS 'content hash of the set, the name of its Parquet file';
COMMENT ON COLUMN problems.id IS 'the problem''s id, unique in its set';
COMMENT ON COLUMN problems.prompt IS 'prompt of the model';
COMMENT ON COLUMN problems.answer IS 'gold answer in the form that the verifier needs, which may differ from a model''s answer';
COMMENT ON COLUMN problems.verifier IS 'name of the verifier';
COMMENT ON COLUMN problems.split IS 'train or test';
COMMENT ON COLUMN problems.difficulty IS 'difficulty that its source assigns';
COMMENT ON COLUMN problems.demonstration IS 'a correct response';
COMMENT ON COLUMN problems.metadata IS 'all other fields of its source';

CREATE TABLE training_evaluations (
    stage VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    benchmark VARCHAR NOT NULL,
    k INTEGER NOT NULL,
    pass_at_k DOUBLE NOT NULL,
    lower DOUBLE NOT NULL,
    upper DOUBLE NOT NULL,
    maj_at_k DOUBLE,
    maj_lower DOUBLE,
    maj_upper DOUBLE,
    samples INTEGER NOT NULL,
    problem_count BIGINT NOT NULL,
    problems VARCHAR,
    tokens BIGINT,
    truncated DOUBLE,
    length DOUBLE,
    seconds DOUBLE,
    time DOUBLE,
    PRIMARY KEY (stage, step, benchmark, k)
);
COMMENT ON TABLE training_evaluations IS 'An evaluation during a training: evaluations.jsonl of a finished stage. Key: stage, step, benchmark, k';
COMMENT ON COLUMN training_evaluations.stage IS 'stages.key';
COMMENT ON COLUMN training_evaluations.step IS 'steps before the evaluation; 0: the start of the stage';
COMMENT ON COLUMN training_evaluations.benchmark IS 'the benchmark''s name in the experiment file at the training';
COMMENT ON COLUMN training_evaluations.k IS 'k of the benchmark up to samples, and 1';
COMMENT ON COLUMN training_evaluations.pass_at_k IS 'unbiased pass@k, mean over problems';
COMMENT ON COLUMN training_evaluations.lower IS 'lower end of its 95 % interval over problems';
COMMENT ON COLUMN training_evaluations.upper IS 'upper end of its 95 % interval over problems';
COMMENT ON COLUMN training_evaluations.maj_at_k IS 'unbiased maj@k, mean over problems; NULL at k = 1';
COMMENT ON COLUMN training_evaluations.maj_lower IS 'lower end of the 95 % interval of maj@k over problems';
COMMENT ON COLUMN training_evaluations.maj_upper IS 'upper end of the 95 % interval of maj@k over problems';
COMMENT ON COLUMN training_evaluations.samples IS 'samples per problem';
COMMENT ON COLUMN training_evaluations.problem_count IS 'problems';
COMMENT ON COLUMN training_evaluations.problems IS 'problems.fingerprint of the benchmark''s problems';
COMMENT ON COLUMN training_evaluations.tokens IS 'response tokens';
COMMENT ON COLUMN training_evaluations.truncated IS 'share of samples cut at max_response';
COMMENT ON COLUMN training_evaluations.length IS 'mean response tokens';
COMMENT ON COLUMN training_evaluations.seconds IS 'wall time of the evaluation';
COMMENT ON COLUMN training_evaluations.time IS 'Unix seconds at its end';

CREATE TABLE evaluations (
    experiment VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    checkpoint VARCHAR NOT NULL,
    stage VARCHAR,
    benchmark VARCHAR NOT NULL,
    problems VARCHAR NOT NULL,
    config JSON NOT NULL,
    seed BIGINT NOT NULL,
    versions JSON NOT NULL,
    prompt_format JSON,
    step INTEGER,
    best BOOLEAN,
    seconds DOUBLE,
    prompt_tokens BIGINT,
    PRIMARY KEY (experiment, key)
);
COMMENT ON TABLE evaluations IS 'An evaluation of one checkpoint on one benchmark: evaluation.json. Key: experiment, key';
COMMENT ON COLUMN evaluations.experiment IS 'experiments.name';
COMMENT ON COLUMN evaluations.key IS 'hash of everything that determines the samples';
COMMENT ON COLUMN evaluations.checkpoint IS 'name of the stage whose model was sampled, with @best for its best one; base: the experiment''s own model';
COMMENT ON COLUMN evaluations.stage IS 'stages.key of that stage; NULL for base';
COMMENT ON COLUMN evaluations.benchmark IS 'the benchmark''s name in the experiment file';
COMMENT ON COLUMN evaluations.problems IS 'problems.fingerprint of the benchmark''s problems';
COMMENT ON COLUMN evaluations.config IS 'the resolved benchmark: samples, k, temperature, top_p, max_response';
COMMENT ON COLUMN evaluations.seed IS 'seed of the evaluation';
COMMENT ON COLUMN evaluations.versions IS 'package -> version';
COMMENT ON COLUMN evaluations.prompt_format IS 'chat template, system prompt, text before and after each prompt, end tokens; {}: not recorded';
COMMENT ON COLUMN evaluations.step IS 'step of the stage whose model was sampled; NULL: its last step';
COMMENT ON COLUMN evaluations.best IS 'whether keep_best chose this step';
COMMENT ON COLUMN evaluations.seconds IS 'wall time of generation and judging, without the engine''s start';
COMMENT ON COLUMN evaluations.prompt_tokens IS 'tokens of all prompts, as an endpoint counted them; NULL for vLLM';

CREATE TABLE groups (
    stage VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    problem VARCHAR NOT NULL,
    occurrence INTEGER NOT NULL,
    estimator VARCHAR,
    k INTEGER,
    n INTEGER NOT NULL,
    c INTEGER NOT NULL,
    zero_advantage BOOLEAN,
    "distinct" INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    tokens BIGINT
);
COMMENT ON TABLE groups IS 'A prompt''s rollouts in a training step. Key: stage, step, problem, occurrence (not indexed)';
COMMENT ON COLUMN groups.stage IS 'stages.key';
COMMENT ON COLUMN groups.step IS 'step of the stage, from 1';
COMMENT ON COLUMN groups.problem IS 'problems.id in the stage''s problems';
COMMENT ON COLUMN groups.occurrence IS '1; counts up if a step has the problem more than once, for example at the end of an epoch';
COMMENT ON COLUMN groups.estimator IS 'advantage estimator';
COMMENT ON COLUMN groups.k IS 'k of the estimator in this step';
COMMENT ON COLUMN groups.n IS 'rollouts';
COMMENT ON COLUMN groups.c IS 'rollouts whose reward is 1';
COMMENT ON COLUMN groups.zero_advantage IS 'every advantage is 0, so the group has no effect on training';
COMMENT ON COLUMN groups."distinct" IS 'distinct responses';
COMMENT ON COLUMN groups.truncated IS 'rollouts cut at max_response';
COMMENT ON COLUMN groups.tokens IS 'response tokens';

CREATE TABLE evaluation_counts (
    experiment VARCHAR NOT NULL,
    evaluation VARCHAR NOT NULL,
    problem VARCHAR NOT NULL,
    n INTEGER NOT NULL,
    c INTEGER NOT NULL,
    "distinct" INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    tokens BIGINT
);
COMMENT ON TABLE evaluation_counts IS 'Counts of a problem''s samples in an evaluation. Key: experiment, evaluation, problem (not indexed)';
COMMENT ON COLUMN evaluation_counts.experiment IS 'experiments.name';
COMMENT ON COLUMN evaluation_counts.evaluation IS 'evaluations.key';
COMMENT ON COLUMN evaluation_counts.problem IS 'problems.id in the evaluation''s problems';
COMMENT ON COLUMN evaluation_counts.n IS 'samples';
COMMENT ON COLUMN evaluation_counts.c IS 'correct samples';
COMMENT ON COLUMN evaluation_counts."distinct" IS 'distinct responses';
COMMENT ON COLUMN evaluation_counts.answers IS 'distinct answers that the verifier extracted';
COMMENT ON COLUMN evaluation_counts.truncated IS 'samples cut at max_response';
COMMENT ON COLUMN evaluation_counts.tokens IS 'response tokens';

CREATE TABLE checkpoints (
    stage VARCHAR PRIMARY KEY,
    experiment VARCHAR NOT NULL,
    step INTEGER,
    total_step INTEGER,
    path VARCHAR NOT NULL
);
COMMENT ON TABLE checkpoints IS 'The model of a finished stage. Key: stage. experiments.config has the initial model of an experiment';
COMMENT ON COLUMN checkpoints.stage IS 'stages.key';
COMMENT ON COLUMN checkpoints.experiment IS 'name of the experiment that trained it';
COMMENT ON COLUMN checkpoints.step IS 'steps of the stage';
COMMENT ON COLUMN checkpoints.total_step IS 'its rl steps and those of its ancestors';
COMMENT ON COLUMN checkpoints.path IS 'its path in the HF format, relative to the directory of all runs';

CREATE TABLE costs (
    experiment VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    item VARCHAR NOT NULL,
    phase VARCHAR NOT NULL,
    seconds DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE costs IS 'Cost of a phase of a stage, evaluation or session. Key: experiment, kind, item, phase. A session includes its stages and evaluations, so do not add costs of different kinds';
COMMENT ON COLUMN costs.experiment IS 'name of its experiment';
COMMENT ON COLUMN costs.kind IS 'stage, evaluation or session';
COMMENT ON COLUMN costs.item IS 'stages.key, evaluations.key, or start of the session';
COMMENT ON COLUMN costs.phase IS 'stage: startup (of the run that finished it), generation, experience, training, sync, other; evaluation: evaluation; session: the step of the run';
COMMENT ON COLUMN costs.seconds IS 'wall time';
COMMENT ON COLUMN costs.tokens IS 'generated response tokens';
