ALTER TABLE steps ADD COLUMN logprob_gap DOUBLE;
COMMENT ON COLUMN steps.logprob_gap IS 'nats: mean difference between vLLM''s and the trainer''s log-probabilities of fixed tokens before the step''s rollouts, largest over the engines';
