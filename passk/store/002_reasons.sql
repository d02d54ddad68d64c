ALTER TABLE steps ADD COLUMN reasons MAP(VARCHAR, DOUBLE);
COMMENT ON COLUMN steps.reasons IS 'reason of the verifier''s verdicts -> share of the rollouts';
