import { sql, type Kysely } from 'kysely'
import { courseKeyOf } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import type { ChangeKind } from '../enrollment/command.ts'
import { idsOfCourses } from '../enrollment/search.ts'
import { cursorOf, inRange, type FeedPosition, type FeedRange } from './cursor.ts'
import type { EnrollmentEvent } from './event.ts'
import { eventOf, selectEvents, type EventSource } from './row.ts'
import { sourceOfBatch, sourceOfEnrollments, sourceOfKinds, sourceOfRange } from './source.ts'

/** Filters that are combined with AND; an absent one does not filter. */
export interface FeedFilter {
  readonly courseIds?: readonly string[] | undefined
  readonly usernames?: readonly string[] | undefined
  readonly batchId?: string | undefined
  readonly kinds?: readonly ChangeKind[] | undefined
}

/** A filter whose course runs have keys. */
export interface WantedEvents extends Omit<FeedFilter, 'courseIds'> {
  readonly courseKeys: readonly string[] | null
  /** Whether what happened before the data came here is left out; not unless given. */
  readonly isRelayed?: boolean | undefined
}

/** The filter with the ids of the tables in place of names. */
interface Condition {
  readonly courses: readonly number[] | null
  readonly learners: readonly number[] | null
  readonly batchId: string | null
  readonly kinds: readonly ChangeKind[] | null
  readonly isRelayed: boolean
}

interface MatchingEvents {
  readonly events: EnrollmentEvent[]
  readonly cursor: string
}

/** Events that are looked through first, because most readers are near the end of the feed; then so many at a time. */
const FIRST_STRETCH = 1_000
const STRETCH = 20_000

/** When a reader is answered although there is more to look through, in milliseconds. */
const ENOUGH_MS = 1_500

/** So many enrollments have their events looked up one by one. */
const MAX_ENROLLMENTS = 10_000

/** @throws {EnrollmentError} `invalidCourseKey` */
export function wantedEvents({ courseIds, ...others }: FeedFilter): WantedEvents {
  return { ...others, courseKeys: courseIds?.map((courseId) => courseKeyOf(courseId).stored) ?? null }
}

/**
 * Reads the events of a range that a filter leaves, in their order.
 *
 * Events near the cursor are looked through; further away they are found by the index of what is asked for. What fits many
 * events, as a large course run does, is looked through as far as it takes.
 *
 * @returns the events, and the cursor of the last event that was looked at.
 */
export async function matchingEvents(
  db: Kysely<DB>,
  wanted: WantedEvents,
  { after, through }: FeedRange,
  limit: number,
): Promise<MatchingEvents> {
  const condition = await conditionOf(db, wanted)
  if (isEmpty(condition)) return { events: [], cursor: cursorOf(through) }
  const enough = performance.now() + ENOUGH_MS
  const events: EnrollmentEvent[] = []
  let from = after
  let indexed: EventSource | null = null
  let looked: Looked = EVERYTHING
  for (let stretch = FIRST_STRETCH; ; stretch = STRETCH) {
    const left = { after: from, through }
    const end =
      indexed === null
        ? ((await positionOfNumber(db, looked({ range: left, limit: stretch }), stretch)) ?? through)
        : through
    const range = { after: from, through: end }
    const source = indexed ?? looked({ range, limit: stretch })
    events.push(...(await eventsFrom(db, source, { condition, range, limit: limit - events.length })))
    const last = events.at(-1)
    if (events.length === limit && last !== undefined) return { events, cursor: last.cursor }
    if (end === through || performance.now() > enough) return { events, cursor: cursorOf(end) }
    from = end
    if (stretch === FIRST_STRETCH) {
      looked = lookedOf(condition)
      indexed = await indexedSource(db, condition, { range: { after: from, through }, limit: limit - events.length })
    }
  }
}

async function conditionOf(db: Kysely<DB>, wanted: WantedEvents): Promise<Condition> {
  const { courseKeys, usernames, batchId = null, kinds = null, isRelayed = false } = wanted
  return {
    courses: courseKeys === null ? null : await idsOfCourses(db, courseKeys),
    learners: usernames === undefined ? null : await idsOfLearners(db, usernames),
    batchId,
    kinds,
    isRelayed,
  }
}

async function idsOfLearners(db: Kysely<DB>, usernames: readonly string[]): Promise<number[]> {
  const learners = await db
    .selectFrom('learners')
    .select('id')
    .where(sql<boolean>`username = any (${usernames}::text[])`)
    .execute()
  return learners.map(({ id }) => id)
}

/** Whether no event can fit. */
function isEmpty({ courses, learners, kinds }: Condition): boolean {
  return [courses, learners, kinds].some((wanted) => wanted?.length === 0)
}

/** The events that are looked through: the first `limit` of a range. */
type Looked = (page: { readonly range: FeedRange; readonly limit: number }) => EventSource

const EVERYTHING: Looked = ({ range, limit }) => sourceOfRange(range, limit)

/** Those of rare kinds, where only such are asked for. */
function lookedOf({ kinds }: Condition): Looked {
  return (page) => (kinds === null ? null : sourceOfKinds(kinds, page)) ?? EVERYTHING(page)
}

/** The position of the event that is so many after the beginning of a range; undefined: the range has fewer. */
export function endOfStretch(db: Kysely<DB>, range: FeedRange, size: number): Promise<FeedPosition | undefined> {
  return positionOfNumber(db, EVERYTHING({ range, limit: size }), size)
}

async function positionOfNumber(db: Kysely<DB>, source: EventSource, size: number): Promise<FeedPosition | undefined> {
  const { rows } = await sql<FeedPosition>`select v.transaction_id as transaction, v.id from ${source} v
    order by v.transaction_id, v.id offset ${size - 1} limit 1`.execute(db)
  return rows[0]
}

/** Where events that fit are found by an index; null: they are too many. */
async function indexedSource(
  db: Kysely<DB>,
  { batchId, kinds, courses, learners }: Condition,
  page: { readonly range: FeedRange; readonly limit: number },
): Promise<EventSource | null> {
  if (batchId !== null) {
    const isAlone = courses === null && learners === null && kinds === null
    return sourceOfBatch(batchId, { ...page, limit: isAlone ? page.limit : null })
  }
  if (courses === null && learners === null) return kinds === null ? null : sourceOfKinds(kinds, page)
  let query = db
    .selectFrom('enrollments')
    .select('id')
    .limit(MAX_ENROLLMENTS + 1)
  if (courses !== null) query = query.where(sql<boolean>`course_id = any (${courses}::integer[])`)
  if (learners !== null) query = query.where(sql<boolean>`learner_id = any (${learners}::integer[])`)
  const enrollments = await query.execute()
  if (enrollments.length > MAX_ENROLLMENTS) return null
  return sourceOfEnrollments(enrollments.map(({ id }) => id))
}

async function eventsFrom(
  db: Kysely<DB>,
  source: EventSource,
  { condition, range, limit }: { condition: Condition; range: FeedRange; limit: number },
): Promise<EnrollmentEvent[]> {
  const { courses, learners, batchId, kinds, isRelayed } = condition
  let query = selectEvents(db, source).where(inRange('v', range))
  if (courses !== null) query = query.where(sql<boolean>`e.course_id = any (${courses}::integer[])`)
  if (learners !== null) query = query.where(sql<boolean>`e.learner_id = any (${learners}::integer[])`)
  if (batchId !== null) query = query.where('v.batch_id', '=', batchId)
  if (kinds !== null) query = query.where(sql<boolean>`v.kind = any (${kinds}::text[])`)
  if (isRelayed) query = query.where('v.is_imported', '=', false)
  const rows = await query.orderBy('v.transaction_id').orderBy('v.id').limit(limit).execute()
  return rows.map(eventOf)
}
