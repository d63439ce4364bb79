import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { createCaller, type EnrollmentEvent, type FeedPage } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'

const actor = { kind: 'service', name: 'tests' } as const

// Course run 0 has a third of all events, 1 a tenth, the others few; learners have three enrollments each.
const LEARNERS = 12_000
/** Forty enrollments each. */
const CHUNKS = (2 * LEARNERS) / 40
const BATCHES = ['0b61a1f5-9c2d-4a51-8a4c-2f6f1b1c0001', '0b61a1f5-9c2d-4a51-8a4c-2f6f1b1c0002']

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { events } = createCaller({ db, actor })
await fill()
const all = await everything()

interface Filter {
  courseIds?: string[]
  usernames?: string[]
  batchId?: string
  kinds?: EnrollmentEvent['kind'][]
}

describe('a filtered reader', () => {
  test.each<[string, Filter]>([
    ['one batch', { batchId: BATCHES[0] ?? '' }],
    ['a batch in a course run', { batchId: BATCHES[1] ?? '', courseIds: [course(1)] }],
    ['a batch that does not exist', { batchId: '0b61a1f5-9c2d-4a51-8a4c-2f6f1b1c9999' }],
    ['a large course run', { courseIds: [course(0)] }],
    ['a small course run', { courseIds: [course(7)] }],
    ['two course runs', { courseIds: [course(1), course(9)] }],
    ['a course run that does not exist', { courseIds: ['course-v1:No+Such+Course'] }],
    ['a learner', { usernames: ['filtered-11999'] }],
    ['two learners in a course run', { usernames: ['filtered-3', 'filtered-11999'], courseIds: [course(0)] }],
    ['a rare kind', { kinds: ['reactivated'] }],
    ['two kinds', { kinds: ['reactivated', 'deactivated'] }],
    ['the usual kind', { kinds: ['created'] }],
    ['a kind in a course run', { kinds: ['deactivated'], courseIds: [course(0)] }],
    ['a rare kind in a large course run', { kinds: ['reactivated'], courseIds: [course(0)] }],
    ['two kinds in a large course run', { kinds: ['reactivated', 'deactivated'], courseIds: [course(0)] }],
    ['nothing', { kinds: [] }],
  ])('of %s gets each of its events once, in order, and all of them', async (_, filter) => {
    expect(await readAll(filter, 1000)).toEqual(all.filter((event) => fits(event, filter)).map(({ id }) => id))
  })

  test('gets what it asks for, whatever it asks for', async () => {
    const anyFilter = fc.record(
      {
        courseIds: fc.array(fc.nat(11).map(course), { maxLength: 3 }),
        usernames: fc.array(
          fc.nat(LEARNERS).map((n) => `filtered-${n}`),
          { maxLength: 30 },
        ),
        batchId: fc.constantFrom(...BATCHES),
        kinds: fc.subarray<EnrollmentEvent['kind']>(['created', 'deactivated', 'reactivated', 'modeChanged']),
      },
      { requiredKeys: [] },
    )
    const anyPage = fc.record({ limit: fc.integer({ min: 1, max: 400 }), skipped: fc.nat(all.length - 1) })
    await fc.assert(
      fc.asyncProperty(anyFilter, anyPage, async (filter, { limit, skipped }) => {
        const after = all[skipped]?.cursor ?? ''
        const page = await pageOf(filter, after, limit)
        const expected = all.slice(skipped + 1).filter((event) => fits(event, filter))
        expect(page.events.map(({ id }) => id)).toEqual(expected.slice(0, limit).map(({ id }) => id))
        const end = expected.length >= limit ? expected[limit - 1] : all.at(-1)
        expect(page.cursor).toBe(end?.cursor)
      }),
      { numRuns: 60 },
    )
  })

  test('moves on over what its filter leaves out', async () => {
    const page = await pageOf({ batchId: '0b61a1f5-9c2d-4a51-8a4c-2f6f1b1c9999' }, '0-0', 1000)
    expect(page).toMatchObject({ events: [], cursor: all.at(-1)?.cursor })
    expect(await rowsRead({ kinds: ['created'] }, page.cursor)).toBeLessThan(5)
  })

  test.each<[string, Filter]>([
    ['a batch', { batchId: BATCHES[1] ?? '' }],
    ['a batch in a course run', { batchId: BATCHES[1] ?? '', courseIds: [course(1)] }],
    ['a batch that does not exist', { batchId: '0b61a1f5-9c2d-4a51-8a4c-2f6f1b1c9999' }],
    ['a small course run', { courseIds: [course(7)] }],
    ['two small course runs', { courseIds: [course(7), course(8)] }],
    ['a course run that does not exist', { courseIds: ['course-v1:No+Such+Course'] }],
    ['a learner', { usernames: ['filtered-11999'] }],
    ['two learners in a large course run', { usernames: ['filtered-3', 'filtered-11999'], courseIds: [course(0)] }],
    ['a rare kind', { kinds: ['reactivated'] }],
    ['a rare kind in a large course run', { kinds: ['reactivated'], courseIds: [course(0)] }],
    ['a rare kind of a learner', { kinds: ['reactivated'], usernames: ['filtered-11999'] }],
  ])('finds %s without looking through the feed', async (_, filter) => {
    expect(all.length).toBeGreaterThan(30_000)
    expect(await rowsRead(filter, '0-0')).toBeLessThan(7_000)
  })

  test.each<[string, Filter]>([
    ['everything', {}],
    ['a batch', { batchId: BATCHES[1] ?? '' }],
    ['a large course run', { courseIds: [course(0)] }],
    ['a course run', { courseIds: [course(1)] }],
    ['a learner', { usernames: ['filtered-3'] }],
    ['a rare kind', { kinds: ['reactivated'] }],
    ['the usual kind', { kinds: ['created'] }],
  ])('near the end of the feed looks at little more than is left of it: %s', async (_, filter) => {
    expect(await rowsRead(filter, all.at(-100)?.cursor ?? '')).toBeLessThan(500)
  })

  test('is told of a malformed course key, also where nothing is new', async () => {
    const after = all.at(-1)?.cursor ?? ''
    await expect(events.list({ after, courseIds: ['nonsense'] })).rejects.toThrow('nonsense')
  })
})

test('the place after all events is asked for by name', async () => {
  expect(await events.list({ after: 'latest' })).toEqual({ events: [], cursor: all.at(-1)?.cursor, heldBack: null })
})

function course(n: number): string {
  return `course-v1:Filtered+C${n}+2026`
}

function fits(event: EnrollmentEvent, { courseIds, usernames, batchId, kinds }: Filter): boolean {
  return (
    (courseIds?.includes(event.courseId) ?? true) &&
    (usernames?.includes(event.username) ?? true) &&
    (batchId === undefined || event.batchId === batchId) &&
    (kinds?.includes(event.kind) ?? true)
  )
}

async function readAll(filter: Filter, limit: number): Promise<string[]> {
  const ids: string[] = []
  for (let after = '0-0'; ;) {
    const page = await events.list({ ...filter, after, limit })
    ids.push(...page.events.map(({ id }) => id))
    if (page.cursor === after) return ids
    after = page.cursor
  }
}

async function everything(): Promise<EnrollmentEvent[]> {
  const read: EnrollmentEvent[] = []
  for (let after = '0-0'; ;) {
    const page = await events.list({ after, limit: 1000 })
    read.push(...page.events)
    if (page.cursor === after && page.heldBack === null) return read
    after = page.cursor
  }
}

/** A whole page: who would look for long is answered before that, and asks again. */
async function pageOf(filter: Filter, after: string, limit: number): Promise<Pick<FeedPage, 'events' | 'cursor'>> {
  const page = await events.list({ ...filter, after, limit })
  const left = limit - page.events.length
  if (left === 0 || page.cursor === after) return page
  const rest = await pageOf(filter, page.cursor, left)
  return { events: [...page.events, ...rest.events], cursor: rest.cursor }
}

/** How many events PostgreSQL looks at for a page, in indexes or in the table. */
async function rowsRead(filter: Filter, after: string): Promise<number> {
  const trx = await db.startTransaction().execute()
  try {
    const { rows: before } = await ROWS.execute(trx)
    await createCaller({ db: trx, actor }).events.list({ ...filter, after, limit: 1000 })
    const { rows } = await ROWS.execute(trx)
    return Number(rows[0]?.read) - Number(before[0]?.read)
  } finally {
    await trx.rollback().execute()
  }
}

const ROWS = sql<{ read: string }>`
  select sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint as read from pg_stat_user_indexes
  where relname = 'enrollment_events'`

/** Past events in many transactions. The second batch lies in the middle, the rare kind at the end. */
async function fill(): Promise<void> {
  const at = '2026-01-01T00:00:00Z'
  await sql`insert into learners (username) select 'filtered-' || n from generate_series(0, ${LEARNERS - 1}::integer) n`.execute(
    db,
  )
  await sql`insert into courses (course_key, org) select 'course-v1:Filtered+C' || n || '+2026', 'Filtered'
    from generate_series(0, 10) n`.execute(db)
  await sql`insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
    select l.id, c.id, true, 'audit', ${at}, ${at} from learners l join courses c on c.course_key in (
      'course-v1:Filtered+C0+2026', 'course-v1:Filtered+C' || case when l.id % 3 = 0 then 1 else 2 + l.id % 9 end || '+2026')
    order by l.id`.execute(db)
  // One statement for all would meet its time-out on a machine that does much else.
  for (const step of [1, 2]) for (let chunk = 0; chunk < CHUNKS; chunk += 100) await fillChunks(step, chunk, at)
  await sql`analyze`.execute(db)
}

async function fillChunks(step: number, from: number, at: string): Promise<void> {
  await sql
    .raw(`do $$ declare first bigint; last bigint; begin
    select min(id), max(id) into first, last from enrollments;
      for chunk in ${from}..${from + 99} loop
        insert into enrollment_events (enrollment_id, version, kind, before_mode, before_is_active, after_mode,
          after_is_active, actor_kind, actor_name, via, batch_id, at)
        select e.id, ${step}, case when ${step} = 1 then 'created' when e.id > last - 30 then 'reactivated' else 'deactivated' end,
          case ${step} when 2 then 'audit' end, case ${step} when 2 then true end, 'audit', ${step} = 1, 'service', 'tests', 'rpc',
          case when ${step} = 1 and chunk in (3, 4) then '${BATCHES[0]}'
            when ${step} = 1 and chunk between 300 and 340 then '${BATCHES[1]}' end::uuid, '${at}'
        from enrollments e where e.id between first + chunk * 40 and first + chunk * 40 + 39
          and (${step} = 1 or e.id % 2 = 0) order by e.id;
        commit;
      end loop;
  end $$`)
    .execute(db)
}
