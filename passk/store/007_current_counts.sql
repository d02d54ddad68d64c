-- Of the present configuration alone, as the views above it: a question that joins two checkpoints by their names must
-- not meet a sampling that the experiment file asks for no more.

CREATE OR REPLACE VIEW problem_counts AS
SELECT own.experiment, evaluations.sampling, own.checkpoint, own.benchmark, evaluations.problem,
       problems.difficulty, evaluations.n, evaluations.c
FROM current_samplings AS own
JOIN evaluations ON evaluations.experiment = own.experiment AND evaluations.sampling = own.key
LEFT JOIN problems ON problems.fingerprint = own.problems AND problems.id = evaluations.problem;
COMMENT ON VIEW problem_counts IS 'What pass@k is made from: samples and right samples of a problem in a sampling';
COMMENT ON COLUMN problem_counts.experiment IS 'experiments.name';
COMMENT ON COLUMN problem_counts.sampling IS 'samplings.key';
COMMENT ON COLUMN problem_counts.checkpoint IS 'name of the stage whose model was sampled; base: the experiment''s own model';
COMMENT ON COLUMN problem_counts.benchmark IS 'the benchmark''s name in the experiment file';
COMMENT ON COLUMN problem_counts.problem IS 'problems.id';
COMMENT ON COLUMN problem_counts.difficulty IS 'difficulty, as its source grades it';
COMMENT ON COLUMN problem_counts.n IS 'samples of the problem';
COMMENT ON COLUMN problem_counts.c IS 'right samples of the problem';
