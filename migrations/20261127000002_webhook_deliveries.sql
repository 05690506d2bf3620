-- What tools send by webhook waits here until it is processed: written before the tool is answered. Bodies are emptied
-- once they are processed; ids stay for a week, so that a delivery that comes twice counts once.
CREATE TABLE webhook_deliveries (
    source TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    event TEXT NOT NULL,
    -- Together the order in which deliveries came: those of one transaction have the same moment.
    received_at_ms BIGINT NOT NULL,
    place BIGINT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at_ms BIGINT NOT NULL,
    processed_at_ms BIGINT,
    error TEXT,
    PRIMARY KEY (source, delivery_id)
);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (source, received_at_ms, place) WHERE processed_at_ms IS NULL;
CREATE INDEX webhook_deliveries_processed ON webhook_deliveries (processed_at_ms) WHERE processed_at_ms IS NOT NULL;
