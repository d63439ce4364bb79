import { CompiledQuery, type Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { positionOf } from '../../core/event/cursor.ts'
import type { FeedConsumer } from '../../server/background/feed-consumer.ts'
import { readLastError } from './results.ts'

/** Names the checkpoint, and what `/readyz` and metrics show (events.md §5). */
const MIRROR = 'lms-mirror'

/**
 * Notes which enrollments of course runs of this service are to be sent to the LMS (adoption.md §5): not what was imported, and
 * not what the LMS is known to say already.
 */
export function mirrorConsumer(): FeedConsumer {
  return {
    name: MIRROR,
    failing: readLastError,
    async apply(trx: Transaction<DB>, events) {
      const positions = events.map(({ cursor }) => positionOf(cursor))
      const parameters = [positions.map(({ transaction }) => transaction), positions.map(({ id }) => id)]
      await trx.executeQuery(CompiledQuery.raw(NOTE, parameters))
    },
  }
}

// An enrollment that is being sent stays with who sends it: what is noted meanwhile is sent by that one, or after it.
const NOTE = `/* lms.mirror.note */
insert into lms_mirror_pairs as p (enrollment_id, version)
select v.enrollment_id, max(v.version)
from unnest($1::text[], $2::text[]) with ordinality as f (transaction_id, id, place)
join enrollment_events v on v.transaction_id = f.transaction_id::xid8 and v.id = f.id::bigint
join enrollments e on e.id = v.enrollment_id
join courses c on c.id = e.course_id and c.owner = 'here'
left join enrollment_lms_ids i on i.enrollment_id = v.enrollment_id
where not v.is_imported and v.version > coalesce(i.agreed_version, 0)
group by v.enrollment_id
order by max(f.place)
on conflict (enrollment_id) do update set
  state = 'due', version = greatest(p.version, excluded.version), failures = 0, last_error = null, failed_at = null,
  next_attempt_at = case when p.claimed_by is null then now() else p.next_attempt_at end`
