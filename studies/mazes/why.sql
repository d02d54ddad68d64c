WITH placed AS (
    SELECT fingerprint, id, strpos(answer, 'S') - 1 AS s, strpos(answer, 'E') - 1 AS e FROM problems
), judged AS (
    SELECT own.experiment, own.checkpoint, samples.problem, samples.response, samples.reason,
           abs(s // 6 - e // 6) + abs(s % 6 - e % 6) AS straight,
           length(regexp_extract(samples.response, '^[LRUD]*')) AS moves,
           length(replace(samples.response, 'R', 'RR')) - length(replace(samples.response, 'L', 'LL')) AS right_,
           length(replace(samples.response, 'D', 'DD')) - length(replace(samples.response, 'U', 'UU')) AS down_,
           e % 6 - s % 6 AS dx, e // 6 - s // 6 AS dy
    FROM current_evaluations AS own
    JOIN samples ON samples.experiment = own.experiment AND samples.evaluation = own.key
    JOIN placed ON placed.fingerprint = own.problems AND placed.id = samples.problem
    WHERE own.experiment LIKE 'study-trap-s%' AND own.benchmark = 'hard'
)
SELECT checkpoint, experiment, round(avg((reason = 'into a wall')::INT), 3) AS into_a_wall,
       round(avg((reason = 'into a wall' AND moves = straight AND right_ = dx AND down_ = dy)::INT), 3) AS straight_on,
       round(count(DISTINCT (problem, response)) / count(DISTINCT problem), 1) AS distinct_of_32
FROM judged GROUP BY ALL ORDER BY checkpoint, experiment
