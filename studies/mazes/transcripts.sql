WITH given AS (
    SELECT own.checkpoint, samples.problem, samples.response, samples.correct
    FROM current_evaluations AS own
    JOIN samples ON samples.experiment = own.experiment AND samples.evaluation = own.key
    WHERE own.experiment = 'study-trap-s5' AND own.benchmark = 'hard'
), learned AS (
    SELECT problem FROM given GROUP BY problem
    HAVING count(*) FILTER (correct AND checkpoint = 'pass1') = 0
       AND count(*) FILTER (correct AND checkpoint = 'passk_pass1') >= 16
)
SELECT problem, checkpoint, response, any_value(correct) AS is_right, count(*) AS of_32,
       (SELECT count(*) FROM learned) AS such_mazes
FROM given WHERE problem = (SELECT min(problem) FROM learned)
GROUP BY ALL ORDER BY checkpoint, of_32 DESC, response
