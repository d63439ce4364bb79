// slow: makes many databases
import { TRPCError } from '@trpc/server'
import { sql, type Kysely } from 'kysely'
import { expect, test } from 'vitest'
import type { LineOutcome } from '../../core/bulk/job.ts'
import { packLines, packOutcomes } from '../../core/bulk/pack.ts'
import type { DB } from '../../core/database/schema.ts'
import { failure } from '../../core/errors.ts'
import type { Caller } from '../../routers/index.ts'
import { operations } from '../../routers/operations.ts'
import { openDatabase } from '../../core/database/open.ts'
import { foreignPool, waysToAHandle, withStrangeParsers } from '../support/any-kysely.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { callerOf } from './calls.ts'
import { eventually } from '../support/eventually.ts'

type Group = keyof typeof operations
type Path = { [G in Group]: `${G}.${Extract<keyof (typeof operations)[G], string>}` }[Group]

const NOW = '2026-03-04T05:06:07.089Z'
const OPEN = 'course-v1:Test+Open+2026'
const CAPPED = 'course-v1:Test+Capped+2026'
const ANCIENT = 'course-v1:Test+Ancient+1900'
const EARLIER = 'course-v1:Test+Earlier+2026'
const GONE = 'course-v1:Test+Gone+2026'
const HOOK = '00000000-0000-4000-8000-000000000001'
const JOB = '00000000-0000-4000-8000-000000000002'
/** The id of a webhook that the script has made. */
const DRAWN_UUID = new RegExp(`"id":"(?!${HOOK})[0-9a-f]{8}-[^"]+"`, 'g')
const DRAWN_JOB = new RegExp(`"jobId":"(?!${JOB})[0-9a-f]{8}-[^"]+"`, 'g')
const WEBHOOKS = { secretKeys: ['0123456789abcdef'], allowedNetworks: [] }
const ada = { username: 'ada' }
const bob = { username: 'bob' }
const attributes = [{ namespace: 'a', name: 'b', value: 'ç"\\' }]

const OUTCOME: LineOutcome = {
  ok: true,
  outcome: {
    kind: 'unchanged',
    enrollment: {
      id: '1',
      version: 2,
      userId: '3',
      username: 'ada',
      courseId: OPEN,
      mode: 'audit',
      isActive: true,
      created: NOW,
      updated: NOW,
    },
    before: { mode: 'audit', isActive: true },
    eventId: null,
  },
}

/** Calls of every operation, in this order; what they answer depends on those before. */
const script: readonly [Path, object][] = [
  // Before the others: what they write inside of a transaction is in the feed once it has committed.
  ['events.list', { limit: 5 }],
  ['enrollment.enroll', { ...ada, courseId: OPEN, attributes, reason: 'first', enterpriseUuid: 'u-1' }],
  ['enrollment.enroll', { email: ' ADA@example.com', courseId: CAPPED, mode: 'verified' }],
  ['enrollment.enroll', { ...bob, courseId: CAPPED }],
  ['enrollment.enroll', { ...ada, courseId: 'no key' }],
  [
    'enrollment.enrollMany',
    {
      items: [
        { ...ada, courseId: OPEN },
        { ...bob, courseId: OPEN, ref: 'r' },
        { ...bob, courseId: GONE },
      ],
    },
  ],
  [
    'enrollment.enrollMany',
    {
      items: [
        { ...bob, courseId: OPEN, mode: 'verified', whenEnrolled: 'update' },
        { ...bob, courseId: GONE },
      ],
      failureMode: 'strict',
    },
  ],
  [
    'enrollment.enrollMany',
    { items: [{ ...bob, courseId: OPEN, mode: 'verified', whenEnrolled: 'update' }], dryRun: true },
  ],
  [
    'enrollment.enrollMany',
    { items: [{ ...bob, courseId: OPEN, isActive: false, whenEnrolled: 'update' }], idempotencyKey: 'once' },
  ],
  [
    'enrollment.enrollMany',
    { items: [{ ...bob, courseId: OPEN, isActive: false, whenEnrolled: 'update' }], idempotencyKey: 'once' },
  ],
  ['enrollment.change', { ...ada, courseId: OPEN, mode: 'verified', expectedVersion: 1 }],
  ['enrollment.change', { ...ada, courseId: OPEN, mode: 'verified', expectedVersion: 1 }],
  [
    'enrollment.changeMany',
    {
      items: [
        { ...ada, courseId: CAPPED, mode: 'audit', attributes },
        { ...bob, courseId: OPEN, isActive: true },
      ],
    },
  ],
  ['enrollment.get', { ...ada, courseId: OPEN }],
  ['enrollment.enroll', { ...ada, courseId: ANCIENT }],
  ['enrollment.get', { ...ada, courseId: ANCIENT }],
  ['enrollment.get', { ...bob, courseId: CAPPED }],
  [
    'enrollment.getMany',
    {
      enrollments: [
        { ...ada, courseId: OPEN },
        { ...bob, courseId: CAPPED },
        { userId: 'x', courseId: GONE },
      ],
    },
  ],
  ['enrollment.list', { ...ada, includeInactive: true }],
  ['enrollment.search', { modes: ['audit', 'verified'], limit: 2, changedSince: '2026-01-01T00:00:00Z' }],
  ['enrollment.history', { ...ada, courseId: OPEN }],
  ['course.get', { courseId: CAPPED, includeExpired: true }],
  ['course.getMany', { courseIds: [OPEN, CAPPED, GONE, EARLIER, ANCIENT] }],
  ['enrollment.unenrollAll', { ...ada, reason: 'left' }],
  ['enrollment.history', { ...ada, courseId: CAPPED }],
  ['webhooks.create', { url: 'https://hooks.example.org/new', description: 'ç"\\', courseIds: [OPEN] }],
  ['webhooks.get', { id: HOOK }],
  ['webhooks.update', { id: HOOK, kinds: ['created', 'deactivated'], courseIds: [OPEN, CAPPED] }],
  ['webhooks.rotateSecret', { id: HOOK }],
  ['webhooks.test', { id: HOOK }],
  ['webhooks.deliveries', { id: HOOK }],
  ['webhooks.replay', { id: HOOK, after: '0-0' }],
  ['webhooks.list', {}],
  ['webhooks.delete', { id: HOOK }],
  ['webhooks.get', { id: HOOK }],
  ['bulk.start', { source: { items: [{ ...ada, courseId: OPEN, ref: 'r' }] }, name: 'ç"\\', idempotencyKey: 'once' }],
  ['bulk.start', { source: { csv: 'username,course_id\nada,x\n' }, action: 'sync', limits: { maxRemovals: '5%' } }],
  ['bulk.start', { source: { uploadId: JOB } }],
  ['bulk.get', { jobId: JOB }],
  ['bulk.get', { jobId: HOOK }],
  ['bulk.list', { limit: 2 }],
  ['bulk.results', { jobId: JOB, codes: ['created', 'courseFull'] }],
  ['bulk.cancel', { jobId: JOB }],
  ['bulk.retryFailed', { jobId: JOB }],
  ['bulk.undo', { jobId: JOB, dryRun: true }],
]

test('the script calls every operation that answers once', () => {
  const paths = Object.entries(operations).flatMap(([group, ofGroup]) =>
    Object.entries(ofGroup).flatMap(([name, { type }]) => (type === 'subscription' ? [] : [`${group}.${name}`])),
  )
  expect([...new Set<string>(script.map(([path]) => path))].toSorted()).toEqual(paths.toSorted())
})

const expected = await answersOn(
  (url) => openDatabase({ connectionString: url }),
  (db, work) => work(db),
)

test('on our own pool every answer holds its schema, and the script does what it is for', () => {
  const kinds = JSON.stringify(expected)
  for (const word of [
    'created',
    'unchanged',
    'modeChanged',
    'deactivated',
    'reactivated',
    'replayed',
    'planned',
    'rolledBack',
    'courseFull',
    'invalidCourseKey',
    'versionConflict',
  ]) {
    expect(kinds).toContain(`"${word}"`)
  }
  expect(kinds).toContain('2026-03-04T05:06:07.089')
})

test.each(waysToAHandle)('every operation answers the same JSON through $name', async ({ open, enter }) => {
  expect(await answersOn(open, enter)).toEqual(expected)
})

test.each(waysToAHandle.filter(({ name }) => /^(our own|a foreign) pool, /.test(name)))(
  'and where the whole process has other type parsers: $name',
  async ({ open, enter }) => {
    await withStrangeParsers(async () => expect(await answersOn(open, enter)).toEqual(expected))
  },
)

test('a foreign pool with other type parsers does answer something else to its owner (so it is the adoption that helps)', async () => {
  await using database = await createTestDatabase()
  await using db = foreignPool(database.connectionString, { types: { getTypeParser: () => () => 'strange' } })
  await addLearner(database.db)
  expect(await db.selectFrom('learners').select('username').executeTakeFirst()).toEqual({ username: 'strange' })
})

test.each([
  ['a foreign pool', (url: string): Kysely<DB> => foreignPool(url)],
  ['our own pool', (url: string): Kysely<DB> => openDatabase({ connectionString: url })],
])('an owner on %s who writes dates in another form gets ISO 8601 from us, and keeps that form', async (_, open) => {
  await using database = await createTestDatabase()
  await addLearner(database.db, ada)
  await addCourse(database.db, { course_key: ANCIENT, starts: '1900-01-01T00:00:00.000001Z' })
  await using db = open(database.connectionString)
  const { enrollment, course } = callerOf(db)
  await enrollment.enroll({ ...ada, courseId: ANCIENT })
  await db.transaction().execute(async (trx) => {
    const joined = callerOf(trx)
    await joined.course.get({ courseId: ANCIENT })
    await sql`set local datestyle = German`.execute(trx)
    const { created } = await joined.enrollment
      .get({ ...ada, courseId: ANCIENT })
      .then((found) => found ?? { created: '' })
    expect(created).toMatch(/^20\d\d-/)
    const { rows } = await sql`select current_setting('datestyle') as style`.execute(trx)
    expect(rows).toEqual([{ style: 'German, DMY' }])
  })
  expect((await course.get({ courseId: ANCIENT })).start).toBe('1900-01-01T00:00:00.000001Z')
})

/** What the script answers on a database of its own, which is the same each time but for numbers of transactions. */
async function answersOn<D extends DB>(
  open: (connectionString: string) => Kysely<D>,
  enter: (db: Kysely<D>, work: (handle: Kysely<D>) => Promise<void>) => Promise<unknown>,
): Promise<unknown[]> {
  await using database = await createTestDatabase()
  await seed(database.db)
  await using db = open(database.connectionString)
  const answers: unknown[] = []
  await enter(db, async (handle) => {
    const caller = callerOf(handle, { now: () => new Date(NOW), requestId: 'request', webhooks: WEBHOOKS })
    for (const [path, input] of script) answers.push(await answerOf(caller, path, input))
  })
  return answers
}

async function answerOf(caller: Caller, path: Path, input: object): Promise<unknown> {
  const [group = '', name = ''] = path.split('.')
  const call: unknown = Reflect.get(Reflect.get(caller, group) as object, name)
  const { output } = Reflect.get(Reflect.get(operations, group) as object, name) as (typeof operations)['course']['get']
  try {
    const answer: unknown = await (call as (input: object) => Promise<unknown>)(input)
    // The schemas are strict, and take no instance of a class.
    expect(output.parse(answer)).toEqual(answer)
    expect(JSON.parse(JSON.stringify(answer))).toEqual(answer)
    return { path, answer: comparable(answer) }
  } catch (error) {
    if (!(error instanceof TRPCError)) throw error
    expect(error.code, String(error.cause)).not.toBe('INTERNAL_SERVER_ERROR')
    const { cause } = error
    return { path, refused: error.code, cause: JSON.parse(JSON.stringify(cause)) }
  }
}

/** Without what is drawn by lot or counted by the whole server. */
function comparable(answer: unknown): unknown {
  const text = JSON.stringify(answer)
    .replaceAll(/"batchId":"[^"]+"/g, '"batchId":"…"')
    .replaceAll(/"(cursor|through)":"\d+-/g, '"$1":"…-')
    .replaceAll(/"secret":"[^"]+"/g, '"secret":"…"')
    .replaceAll(DRAWN_UUID, '"id":"…"')
    .replaceAll(DRAWN_JOB, '"jobId":"…"')
  return JSON.parse(text)
}

/** The same rows each time, with the same ids. */
async function seed(db: Kysely<DB>): Promise<void> {
  await addLearner(db, { ...ada, email: 'ada@example.com' })
  await addLearner(db, { ...bob, email: 'bob@example.com' })
  const starts = '2026-01-01T00:00:00.000001Z'
  await addCourse(db, { course_key: OPEN, display_name: 'Öffentlich "x"', starts })
  await addCourse(db, {
    course_key: CAPPED,
    max_enrollments: 1,
    modes: ['audit', ['verified', '2036-01-01T00:00:00Z']],
  })
  // A time at which places were apart from UTC by seconds.
  await addCourse(db, { course_key: ANCIENT, starts: '1900-01-01T00:00:00.000001Z' })
  await addCourse(db, { course_key: EARLIER, enrollment_end: '2036-01-01T00:00:00Z' })
  const caller = callerOf(db, { now: () => new Date('2026-02-01T00:00:00Z') })
  await caller.enrollment.enroll({ ...bob, courseId: EARLIER })
  await db
    .insertInto('bulk_jobs')
    .values({
      id: JOB,
      state: 'done',
      phase: 'running',
      action: 'enroll',
      source: 'items',
      failure_mode: 'bestEffort',
      is_dry_run: false,
      actor_kind: 'user',
      actor_name: 'ç',
      total: 2,
      done: 2,
      counts: JSON.stringify({ unchanged: 1, courseFull: 1 }),
      warnings: JSON.stringify(['ç']),
      last_error: JSON.stringify(failure('unavailable', {})),
      created: '1900-01-01T00:00:00.000001Z',
      started: '2026-01-01T00:00:00Z',
      ended: '2026-01-01T00:00:03.5Z',
    })
    .execute()
  const full = failure('courseFull', { limit: 1 })
  const results: LineOutcome[] = [OUTCOME, { ok: false, error: full }]
  await db
    .insertInto('bulk_chunks')
    .values({
      job_id: JOB,
      number: 0,
      line_count: 2,
      lines: packLines([
        { line: 1, item: { ...ada, courseId: OPEN }, ref: 'r' },
        { line: 2, item: { ...bob, courseId: CAPPED } },
      ]),
      results: packOutcomes(results),
      counts: JSON.stringify({ unchanged: 1, courseFull: 1 }),
      failed: 1,
      done: NOW,
    })
    .execute()
  await db
    .insertInto('webhooks')
    .values({
      id: HOOK,
      url: 'https://hooks.example.org/first',
      format: 'enrollment',
      secret: Buffer.alloc(64),
      begins_transaction: '0',
      begins_id: '0',
      created: '1900-01-01T00:00:00.000001Z',
      updated: NOW,
    })
    .execute()
  // An event is in the feed once no transaction of the whole server is older.
  await eventually(async () => expect((await caller.events.list({})).events).toHaveLength(1), 5)
}
