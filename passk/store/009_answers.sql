-- A sample of which the verifier read no answer has an empty one, which was counted as an answer.

UPDATE evaluations SET answers = counted.answers
FROM (
    SELECT experiment, sampling, problem, count(DISTINCT nullif(extracted, '')) AS answers
    FROM samples GROUP BY experiment, sampling, problem
) AS counted
WHERE evaluations.experiment = counted.experiment AND evaluations.sampling = counted.sampling
  AND evaluations.problem = counted.problem;
