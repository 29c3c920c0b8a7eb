-- The bare schema's orders with an idempotency key: what the library of broken and correct functions stands on. No other
-- constraint, for the reason that schema.sql gives.
alter table orders add column idempotency_key text;
create unique index orders_idempotency_key on orders (idempotency_key);
