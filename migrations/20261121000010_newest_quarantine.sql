-- The page of data quality shows the newest records in quarantine.
CREATE INDEX quarantine_newest ON quarantine (last_seen_at_ms DESC, source, family, external_id);
