import { CompiledQuery, type Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { pendingVersions } from './order-sql.ts'

/**
 * For so long a process has what it claims to itself, in milliseconds: longer than an attempt. What it has not begun
 * {@link ATTEMPT_RESERVE_MS} before the end, it gives back.
 */
export const LEASE_MS = 30_000

/** An attempt takes at most 15 seconds, and its result has to be written. */
export const ATTEMPT_RESERVE_MS = 20_000

/** Deliveries that an endpoint which fails is sent at a time: it costs others no more than that. */
const WHILE_FAILING = 4

/** Deliveries of a replay that are claimed together, to be sent one after another. */
const REPLAY_RUN = 200

/** A delivery that this process is to send. */
export interface ClaimedDelivery {
  readonly id: string
  readonly webhookId: string
  /** Of the event; null in a test. */
  readonly event: { readonly id: string; readonly transaction: string; readonly enrollmentId: string } | null
  readonly attempts: number
  readonly waits: number
  readonly isReplay: boolean
  /** When the delivery was made. */
  readonly at: string
  /** When others may claim it, in milliseconds since 1970. */
  readonly claimedUntil: number
}

/** Who claims, and when. */
export interface Claim {
  /** Names a process. */
  readonly sender: string
  readonly now: Date
}

export interface ClaimWithRooms extends Claim {
  /** For how many more deliveries there is room at an endpoint. */
  readonly rooms: ReadonlyMap<string, number>
  /** Room at an endpoint that is not among them. */
  readonly room: number
}

/**
 * Claims what is due: of each enabled endpoint as much as there is room for, and of each enrollment the earliest version alone
 * (events.md §3). Any number of processes may do so.
 */
export async function claimDue(db: Kysely<DB>, { rooms, room, ...claim }: ClaimWithRooms): Promise<ClaimedDelivery[]> {
  const parameters = [...leaseOf(claim), [...rooms.keys()], [...rooms.values()], room, WHILE_FAILING]
  const { rows } = await db.executeQuery<ClaimedRow>(CompiledQuery.raw(CLAIM_DUE, parameters))
  return rows.map((row) => claimedOf(row, claim)).toSorted(inFeedOrder)
}

/**
 * Claims the next deliveries of replays, in the order in which they are sent, one at a time. Of an endpoint for which others are
 * claimed there are none.
 *
 * @param replaying endpoints for which this process is at it.
 */
export async function claimReplays(
  db: Kysely<DB>,
  { replaying, ...claim }: Claim & { readonly replaying: readonly string[] },
): Promise<ClaimedDelivery[]> {
  const parameters = [...leaseOf(claim), replaying, REPLAY_RUN]
  const { rows } = await db.executeQuery<ClaimedRow>(CompiledQuery.raw(CLAIM_REPLAYS, parameters))
  return rows.map((row) => claimedOf(row, claim)).toSorted(inFeedOrder)
}

function leaseOf({ sender, now }: Claim): [string, string, string] {
  return [sender, instantFromDate(now), instantFromDate(new Date(now.getTime() + LEASE_MS))]
}

interface ClaimedRow {
  readonly id: string
  readonly webhook_id: string
  readonly event_id: string | null
  readonly transaction_id: string | null
  readonly enrollment_id: string | null
  readonly attempts: number
  readonly waits: number
  readonly is_replay: boolean
  readonly at: string
}

/** SQL: whether `p` is an earlier version of the delivery `d` that is still to be delivered. */
const EARLIER = pendingVersions({ webhookId: 'd.webhook_id', enrollmentId: 'd.enrollment_id', version: '< d.version' })

// Subqueries in place of joins: each looks up one row, however many there are.

/** SQL: whether no earlier version of the enrollment is still to be delivered. */
const IS_NEXT = `(select true from webhook_deliveries p where ${EARLIER} limit 1) is null`

/** SQL: whether no replay runs that has not come to the enrollment yet. */
const IS_REPLAYED = `case when w.replay_through_id is null then true else (
  select true from enrollment_events v
  where v.enrollment_id = d.enrollment_id and v.version <= d.version
    and ((v.transaction_id, v.id) > (w.replay_after_transaction, w.replay_after_id)) is true
    and ((v.transaction_id, v.id) <= (w.replay_through_transaction, w.replay_through_id)) is true
  limit 1
) is null end`

const RETURNING = `returning d.id, d.webhook_id, d.event_id, d.transaction_id, d.enrollment_id, d.attempts, d.waits, d.is_replay, d.at`

const CLAIM_DUE = `/* webhook.claimDue */
with due as materialized (
  select d.id from webhooks w
  left join unnest($4::uuid[], $5::integer[]) as r (webhook_id, room) on r.webhook_id = w.id
  cross join lateral (
    select d.id from webhook_deliveries d
    where d.webhook_id = w.id and d.state = 'pending' and not d.is_replay and d.next_attempt_at <= $2::timestamptz
      and ${IS_NEXT} and ${IS_REPLAYED}
    order by d.next_attempt_at
    limit greatest(0, coalesce(r.room, $6::integer)
      - case when w.failing_since is null then 0 else $6::integer - $7::integer end)
    for update skip locked
  ) d
  where w.state = 'enabled'
)
update webhook_deliveries d set next_attempt_at = $3::timestamptz, claimed_by = $1::uuid
from due where d.id = due.id
${RETURNING}`

// The lock of the endpoint keeps others out of the same replay; who was late finds no claim that it could make twice.
const CLAIM_REPLAYS = `/* webhook.claimReplays */
with endpoint as materialized (
  select w.id from webhooks w
  where w.state = 'enabled' and w.id <> all ($4::uuid[]) and exists (
    select from webhook_deliveries d where d.webhook_id = w.id and d.state = 'pending' and d.is_replay
  )
  for no key update skip locked
), next as materialized (
  select d.id from endpoint w cross join lateral (
    select d.id from webhook_deliveries d
    where d.webhook_id = w.id and d.state = 'pending' and d.is_replay and d.next_attempt_at <= $2::timestamptz
      and (select true from webhook_deliveries p where ${EARLIER} and not p.is_replay limit 1) is null
    order by d.transaction_id nulls first, d.event_id limit $5::integer
  ) d
  where not exists (
    select from webhook_deliveries d where d.webhook_id = w.id and d.state = 'pending' and d.is_replay
      and d.claimed_by is not null and d.next_attempt_at > $2::timestamptz
  )
)
update webhook_deliveries d set next_attempt_at = $3::timestamptz, claimed_by = $1::uuid
from next where d.id = next.id and d.state = 'pending' and d.next_attempt_at <= $2::timestamptz
${RETURNING}`

function claimedOf(row: ClaimedRow, { now }: Claim): ClaimedDelivery {
  const { event_id: id, transaction_id: transaction, enrollment_id: enrollmentId } = row
  return {
    id: row.id,
    webhookId: row.webhook_id,
    event: id === null || transaction === null || enrollmentId === null ? null : { id, transaction, enrollmentId },
    attempts: row.attempts,
    waits: row.waits,
    isReplay: row.is_replay,
    at: row.at,
    claimedUntil: now.getTime() + LEASE_MS,
  }
}

/** Tests first. */
function inFeedOrder({ event: one }: ClaimedDelivery, { event: other }: ClaimedDelivery): number {
  if (one === null || other === null) return Number(one !== null) - Number(other !== null)
  const difference = BigInt(one.transaction) - BigInt(other.transaction) || BigInt(one.id) - BigInt(other.id)
  return difference < 0n ? -1 : Number(difference > 0n)
}

/** Gives deliveries back that were not sent: they are due at once. */
export async function giveBack(
  db: Kysely<DB>,
  deliveries: readonly ClaimedDelivery[],
  { sender, now }: Claim,
): Promise<void> {
  if (deliveries.length === 0) return
  const ids = deliveries.map(({ id }) => id)
  await db.executeQuery(CompiledQuery.raw(GIVE_BACK, [ids, sender, instantFromDate(now)]))
}

const GIVE_BACK = `/* webhook.giveBack */
update webhook_deliveries d set next_attempt_at = $3::timestamptz, claimed_by = null
where d.id = any ($1::bigint[]) and d.claimed_by = $2::uuid and d.state = 'pending'`
