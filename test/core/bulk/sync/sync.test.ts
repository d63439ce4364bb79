import { afterAll, describe, expect, test } from 'vitest'
import type { BulkItem, BulkLine } from '../../../../core/bulk/job.ts'
import type { JobRow } from '../../../../core/bulk/row.ts'
import type { PlanSource } from '../../../../core/bulk/source.ts'
import { rosterKind } from '../../../../core/bulk/sync/kind.ts'
import { failure } from '../../../../core/errors.ts'
import { defaultPolicy } from '../../../../core/policy.ts'
import { createCaller, enrollmentErrorFrom } from '../../../../routers/index.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { addCourse, addLearners, addRole, type SeededLearner } from '../../../support/seed.ts'
import { enrollmentInWords } from '../../../support/world.ts'
import { learnersOf, named } from '../learners.ts'
import { countsOfRun, runKind, type RunOptions } from '../run-kind.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
const { enrollment } = caller
const { four, enrollAll, wordsOf } = learnersOf(db, caller)

describe('who is listed', () => {
  test('is enrolled, in the mode of the list', async () => {
    const [fresh, gone, audit, verified] = await four()
    const courseId = await addCourse(db)
    await enrollAll(courseId, [gone, audit])
    await enrollment.change({ username: gone.username, courseId, isActive: false })
    await enrollment.enroll({ username: verified.username, courseId, mode: 'verified' })
    const items = [fresh, gone, audit, verified].map(({ username }) => ({ username, courseId, mode: 'verified' }))
    const run = await sync(items)
    expect(run.outcomes.map((outcome) => outcome.ok && outcome.outcome.kind)).toEqual([
      'created',
      'reactivated',
      'modeChanged',
      'unchanged',
    ])
    expect(await wordsOf(courseId, [fresh, gone, audit, verified])).toEqual(items.map(() => 'active verified'))
  })

  test('without a mode keeps the own one, and passes the rules where they are added', async () => {
    const [fresh, verified] = await four()
    const courseId = await addCourse(db)
    await enrollment.enroll({ username: verified.username, courseId, mode: 'verified' })
    await db.updateTable('courses').set({ invitation_only: true }).where('course_key', '=', courseId).execute()
    const run = await sync(named(courseId, [fresh, verified]))
    expect(countsOfRun(run)).toEqual({ enrollmentClosed: 1, unchanged: 1 })
    expect(await wordsOf(courseId, [fresh, verified])).toEqual([null, 'active verified'])
  })

  test('finds the seats free that others leave, and no more than there are', async () => {
    const [leaving, first, second] = await four()
    const courseId = await addCourse(db, { max_enrollments: 1 })
    await enrollAll(courseId, [leaving])
    const run = await sync(named(courseId, [first, second]), {}, { chunkSize: 1 })
    expect(countsOfRun(run)).toEqual({ deactivated: 1, created: 1, courseFull: 1 })
    expect(await wordsOf(courseId, [leaving, first, second])).toEqual(['inactive audit', 'active audit', null])
  })

  test('twice counts once; contradicting lines are both refused, and nobody is removed for it', async () => {
    const [twice, unclear, byEmail] = await four()
    const courseId = await addCourse(db)
    await enrollAll(courseId, [unclear])
    const items = [
      ...named(courseId, [twice, twice]),
      { username: unclear.username, courseId, mode: 'audit' },
      { email: unclear.email, courseId, mode: 'verified' },
      { username: byEmail.username, courseId },
      { email: byEmail.email.toUpperCase(), courseId },
    ]
    const run = await sync(items)
    expect(run.outcomes).toMatchObject([
      { outcome: { kind: 'created' } },
      { error: { code: 'duplicateLine', details: { line: 1 } } },
      { error: { code: 'contradictingLine', details: { line: 4 } } },
      { error: { code: 'contradictingLine', details: { line: 3 } } },
      { outcome: { kind: 'created' } },
      { error: { code: 'duplicateLine', details: { line: 5 } } },
    ])
    expect(await enrollmentInWords(db, unclear.id, courseId)).toBe('active audit')
  })
})

describe('who is not listed', () => {
  test('is unenrolled, in the course runs of the list alone', async () => {
    const [listed, absent] = await four()
    const [courseId, other] = [await addCourse(db), await addCourse(db)]
    await enrollAll(courseId, [listed, absent])
    await enrollAll(other, [absent])
    const run = await sync(named(courseId, [listed]))
    expect(countsOfRun(run)).toEqual({ deactivated: 1, unchanged: 1 })
    expect(await enrollmentInWords(db, absent.id, courseId)).toBe('inactive audit')
    expect(await enrollmentInWords(db, absent.id, other)).toBe('active audit')
    expect((await enrollment.history({ username: absent.username, courseId })).at(-1)).toMatchObject({
      reason: 'not on the roster',
      batchId: run.jobId,
    })
  })

  test('stays where they teach the course run, or somebody else pays and the job does not say otherwise', async () => {
    const [staff, limited, orgStaff, funded] = await four()
    const [listed] = await four()
    const courseId = await addCourse(db)
    await addRole(db, staff, 'staff', courseId)
    await addRole(db, limited, 'limited_staff', courseId)
    await addRole(db, orgStaff, 'instructor', null)
    await enrollAll(courseId, [staff, limited, orgStaff, funded])
    const policy = { ...defaultPolicy, funding: [fundingOf(funded)] }
    const run = await sync(named(courseId, [listed]), {}, { policy })
    expect(countsOfRun(run)).toEqual({ created: 1, unchanged: 4 })
    expect(run.warnings).toEqual([
      `${courseId}: 4 who are not listed stay: 3 of the course team, 1 funded by somebody else.`,
    ])
    expect(run.lines.map(({ item }) => item?.reason)).toContain('not on the roster, but funded by somebody else')
    const again = await sync(named(courseId, [listed]), { removes_funded: true }, { policy })
    expect(countsOfRun(again)).toEqual({ unchanged: 4, deactivated: 1 })
    expect(await wordsOf(courseId, [staff, funded])).toEqual(['active audit', 'inactive audit'])
  })

  test('stays where they have come to teach it, or be paid for, since it was planned', async () => {
    const [promoted, funded, listed] = await four()
    const courseId = await addCourse(db)
    await enrollAll(courseId, [promoted, funded])
    const payers = [fundingOf(funded)]
    const policy = { ...defaultPolicy, funding: [] as ReturnType<typeof fundingOf>[] }
    const meanwhile = async () => {
      await addRole(db, promoted, 'staff', courseId)
      policy.funding.push(...payers)
    }
    const run = await sync(named(courseId, [listed]), {}, { policy, meanwhile })
    expect(countsOfRun(run)).toEqual({ unchanged: 2, created: 1 })
  })

  test('stays where a faulty line may be about them', async () => {
    const [typo, wrongMode, wrongRun, inactive] = await four()
    const [absent] = await four()
    const courseId = await addCourse(db)
    await enrollAll(courseId, [typo, wrongMode, wrongRun, inactive, absent])
    const faulty = (line: number, cells: string[]): BulkLine => ({
      line,
      item: null,
      error: failure('invalidLine', { problem: 'is_active' }),
      cells,
    })
    const run = await syncLines([
      faulty(2, [typo.username, courseId, 'maybe']),
      faulty(3, [wrongRun.email.toUpperCase(), '', '', 'too', 'many']),
      { line: 4, item: { username: wrongMode.username, courseId, mode: 'nonsense' } },
      { line: 5, item: { username: inactive.username, courseId, isActive: false } },
    ])
    expect(countsOfRun(run)).toEqual({ invalidLine: 3, modeUnavailable: 1, deactivated: 1 })
    expect(await wordsOf(courseId, [typo, wrongMode, wrongRun, inactive])).toEqual(Array(4).fill('active audit'))
    expect(await enrollmentInWords(db, absent.id, courseId)).toBe('inactive audit')
  })
})

describe('the course runs', () => {
  test('that the job names are the roster, also one of which the list has no line', async () => {
    const [absent, other] = await four()
    const [emptied, elsewhere] = [await addCourse(db), await addCourse(db)]
    await enrollAll(emptied, [absent])
    const run = await sync(named(elsewhere, [other]), { course_ids: [emptied] })
    expect(countsOfRun(run)).toEqual({ deactivated: 1, invalidLine: 1 })
    expect(await enrollmentInWords(db, other.id, elsewhere)).toBeNull()
  })

  test('that do not exist end the job', async () => {
    const [other] = await four()
    const courseId = await addCourse(db)
    const run = sync(named(courseId, [other]), { course_ids: [courseId, 'course-v1:No+Such+Run'] })
    expect(await codeOf(run)).toBe('courseNotFound')
  })

  test('that the LMS owns are refused line by line, and no limit counts them', async () => {
    const learners = await addLearners(db, 8)
    const courseId = await addCourse(db)
    await enrollAll(courseId, learners)
    await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', courseId).execute()
    const [listed] = await four()
    expect(countsOfRun(await sync(named(courseId, [listed])))).toEqual({ ownedByLms: 9 })
    expect(await enrollmentInWords(db, learners[0]?.id ?? 0, courseId)).toBe('active audit')
  })
})

describe('limits', () => {
  test('end the job before anything is done, with the numbers', async () => {
    const learners = await addLearners(db, 10)
    const [listed] = await four()
    const courseId = await addCourse(db)
    await enrollAll(courseId, learners)
    const items = named(courseId, [listed, ...learners.slice(6)])
    const error = await errorOf(sync(items))
    expect(error).toMatchObject({ code: 'tooManyRemovals', details: { courseId, removals: 6, active: 10, limit: 5 } })
    expect(await enrollmentInWords(db, listed.id, courseId)).toBeNull()
    const dry = await sync(items, { is_dry_run: true })
    expect(dry.warnings.join()).toContain('6 of 10 learners would be removed')
    expect(countsOfRun(await sync(items, { limits: { maxRemovals: 6 } }))).toMatchObject({ created: 1 })
  })

  test('count for each course run', async () => {
    const learners = await addLearners(db, 5)
    const [listed] = await four()
    const courses = [await addCourse(db), await addCourse(db)]
    for (const courseId of courses) await enrollAll(courseId, learners)
    const items = courses.flatMap((courseId) => named(courseId, [listed]))
    expect(countsOfRun(await sync(items))).toEqual({ deactivated: 10, created: 2 })
  })
})

describe('the fingerprint', () => {
  test('is the same for the same outcome, in whatever order the lines come', async () => {
    const learners = await four()
    const courseId = await addCourse(db)
    await enrollAll(courseId, learners.slice(0, 2))
    const items = named(courseId, learners.slice(1))
    const [one, other] = [await planOnly(items), await planOnly(items.toReversed())]
    expect(one).toMatch(/^[\da-f]{64}$/)
    expect(other).toBe(one)
    expect(await planOnly(items.slice(1))).not.toBe(one)
  })

  test('of another outcome ends the job before anything is done', async () => {
    const [active, fresh, another] = await four()
    const courseId = await addCourse(db)
    await enrollAll(courseId, [active])
    const items = named(courseId, [fresh])
    const planned = await planOnly(items)
    await enrollAll(courseId, [another])
    const error = await errorOf(sync(items, { expected_fingerprint: planned }))
    expect(error).toMatchObject({ code: 'planChanged', details: { expected: planned } })
    expect(await wordsOf(courseId, [active, fresh])).toEqual(['active audit', null])
    await enrollment.change({ username: another.username, courseId, isActive: false })
    expect(countsOfRun(await sync(items, { expected_fingerprint: planned }))).toEqual({ deactivated: 1, created: 1 })
  })

  test('counts the seats that become free', async () => {
    const [leaving, coming] = await four()
    const courseId = await addCourse(db, { max_enrollments: 1 })
    await enrollAll(courseId, [leaving])
    const items = named(courseId, [coming])
    const full = await planOnly(items)
    await db.updateTable('courses').set({ max_enrollments: null }).where('course_key', '=', courseId).execute()
    expect(await planOnly(items)).toBe(full)
  })

  test.each(['the window', 'the mode', 'the seats'])('differs where %s would make another outcome', async (what) => {
    const [fresh, active] = await four()
    const courseId = await addCourse(db)
    await enrollAll(courseId, [active])
    const items = named(courseId, [fresh, active]).map((item) => ({ ...item, mode: 'verified' }))
    const before = await planOnly(items)
    const courses = db.updateTable('courses').where('course_key', '=', courseId)
    if (what === 'the window') await courses.set({ enrollment_end: '2020-01-01T00:00:00Z' }).execute()
    if (what === 'the seats') await courses.set({ max_enrollments: 1 }).execute()
    if (what === 'the mode') await enrollment.change({ username: active.username, courseId, mode: 'verified' })
    expect(await planOnly(items)).not.toBe(before)
  })
})

test('who changed between the plan and its line is left alone, and told with the later event', async () => {
  const [leaving, changing, joining, removed] = await four()
  const courseId = await addCourse(db, { modes: ['audit', 'verified', 'honor'] })
  await enrollAll(courseId, [leaving, changing, removed])
  const events: (string | null)[] = []
  const meanwhile = async () => {
    const change = (learner: SeededLearner, mode: string) =>
      enrollment.change({ username: learner.username, courseId, mode })
    for (const { eventId } of [
      await change(leaving, 'honor'),
      await change(changing, 'honor'),
      await enrollment.enroll({ username: joining.username, courseId, mode: 'honor' }),
    ])
      events.push(eventId)
  }
  const items = named(courseId, [changing, joining]).map((item) => ({ ...item, mode: 'verified' }))
  const run = await sync(items, {}, { meanwhile })
  expect(countsOfRun(run)).toEqual({ changedSince: 3, deactivated: 1 })
  const told = run.outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error.details]))
  expect(told).toEqual([
    { version: 2, eventId: events[0] },
    { version: 2, eventId: events[1] },
    { version: 1, eventId: events[2] },
  ])
  expect(await wordsOf(courseId, [leaving, changing, joining])).toEqual(Array(3).fill('active honor'))
})

async function planOnly(items: readonly BulkItem[]): Promise<string | null> {
  const { source } = rosterKind(listOf(linesOf(items)))
  const job = jobRow({ is_dry_run: true })
  const pages = await Array.fromAsync(source.read(db, job, new AbortController().signal, defaultPolicy))
  return pages.at(-1)?.planFingerprint ?? null
}

function sync(items: readonly BulkItem[], columns: Partial<JobRow> = {}, options?: RunOptions) {
  return syncLines(linesOf(items), columns, options)
}

function syncLines(lines: readonly BulkLine[], columns: Partial<JobRow> = {}, options?: RunOptions) {
  return runKind(db, rosterKind(listOf(lines)), jobRow(columns), options)
}

function jobRow(columns: Partial<JobRow>): JobRow {
  const plain = { reason: null, course_ids: null, limits: null, removes_funded: false, expected_fingerprint: null }
  return { ...plain, is_dry_run: false, ...columns } as JobRow
}

function linesOf(items: readonly BulkItem[]): BulkLine[] {
  return items.map((item, index) => ({ line: index + 1, item }))
}

/** A file of these lines, in pages of two. */
function listOf(lines: readonly BulkLine[]): PlanSource {
  return {
    isStable: true,
    async *read() {
      yield { lines: [], header: ['user', 'course_id', 'is_active'] }
      for (let from = 0; from < lines.length; from += 2) yield { lines: lines.slice(from, from + 2) }
    },
  }
}

function fundingOf(learner: SeededLearner) {
  const fundedEnrollments = async (on: typeof db, ids: readonly string[]) => {
    const rows = await on
      .selectFrom('enrollments')
      .select('id')
      .where('learner_id', '=', learner.id)
      .where('id', 'in', [...ids])
      .execute()
    return new Set(rows.map(({ id }) => id))
  }
  return { name: 'somebody', fundedEnrollments }
}

async function errorOf(run: Promise<unknown>) {
  const error: unknown = await run.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  return enrollmentErrorFrom(error)
}

async function codeOf(run: Promise<unknown>) {
  return (await errorOf(run))?.code
}
