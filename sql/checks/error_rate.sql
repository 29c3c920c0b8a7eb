-- check: error_rate
-- kind: threshold
-- rests on: harness
-- without a log: judges
-- means: More orders failed than a threshold allows.
-- sound: Judged on the raw samples of every order of the phase, retries included, not on rounded percentiles.
-- exercised by: Orders in the phases that the scenario's thresholds name.

-- violations
select expression, phase, value, samples from thresholds where metric = 'error_rate' and samples > 0 and not met;

-- exercised
select coalesce(min(samples), 0) from thresholds where metric = 'error_rate';
