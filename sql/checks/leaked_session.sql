-- check: leaked_session
-- rests on: harness
-- without a log: judges
-- means: After its order was answered, a session was still in a transaction, or still held a lock.
-- sound: A session that has given its answer has nothing open: no transaction, no lock, no session advisory lock. Sessions are
--   looked at around the faults. Those of buyers still connected count only if every attempt on them ended in a definite
--   answer and none was under way, as a flow may hold a lock between two of its calls; those left after the grace period,
--   when all buyers are gone, count if they still work. A shop's session, of which nobody knows whom it works for, counts
--   only where nobody waits for anything and no answer was lost before. SIREAD locks and the harness's own sessions are left
--   out.
-- exercised by: Sessions of buyers that were looked at.

-- violations
with pending as (
    select distinct pid from attempts join sessions on backend_pid = pid where outcome = 'unknown'
), known as (
    select distinct pid from attempts join sessions on backend_pid = pid
)
select pid, taken, clock(at_us) as at, state, in_transaction, locks, query,
       (select arg_max(order_key, invoked_us) from attempts where backend_pid = pid) as order_key
from sessions
where (in_transaction or locks is not null)
  and (taken = 'left'
       or pid not in (select pid from pending)
          and not exists (select 1 from attempts a where a.backend_pid = sessions.pid and a.invoked_us <= sessions.at_us
                          and (a.returned_us is null or a.returned_us >= sessions.at_us))
          and (pid in (select pid from known)
               or not exists (select 1 from attempts a where a.invoked_us <= sessions.at_us
                              and (a.outcome = 'unknown' or a.returned_us is null or a.returned_us >= sessions.at_us))))
order by at_us, pid;

-- exercised
select count(*) from sessions;
