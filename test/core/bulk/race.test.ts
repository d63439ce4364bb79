// slow: writers beside rosters and undoings
import { afterAll, expect, test } from 'vitest'
import type { BulkLine } from '../../../core/bulk/job.ts'
import type { JobRow } from '../../../core/bulk/row.ts'
import { rosterKind } from '../../../core/bulk/sync/kind.ts'
import type { RosterPlan } from '../../../core/bulk/sync/plan.ts'
import { undoKind } from '../../../core/bulk/undo/kind.ts'
import type { UndonePlan } from '../../../core/bulk/undo/plan.ts'
import { openDatabase } from '../../../core/database/open.ts'
import { createCaller } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearners, type SeededLearner } from '../../support/seed.ts'
import { countsOfRun, runKind, type KindRun } from './run-kind.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
const others = openDatabase({ connectionString })
afterAll(async () => {
  await others.destroy()
  await database[Symbol.asyncDispose]()
})
const actor = { kind: 'service', name: 'tests' } as const
const { enrollment } = createCaller({ db, actor })

test('beside writers an undoing changes only what they have not, and what they did stays', async () => {
  const learners = await addLearners(db, 300)
  const courseId = await addCourse(db, { max_enrollments: 320 })
  const items = learners.map(({ username }) => ({ username, courseId }))
  const { batchId } = await enrollment.enrollMany({ items })
  const { writers, isWriting } = beginWriting(learners, courseId)
  await isWriting
  const run = await runKind(db, undoKind, { undone_batch_id: batchId, reason: 'undo' }, { chunkSize: 20 })
  await writers
  expect(Object.keys(countsOfRun(run)).toSorted()).toEqual(['changedSince', 'deactivated'])
  expectAtPlannedVersions(run, (plan) => (plan as UndonePlan).lastVersion)
})

test('beside writers a roster changes only what is as it was planned', async () => {
  const learners = await addLearners(db, 300)
  const courseId = await addCourse(db, { max_enrollments: 320 })
  const active = learners.slice(0, 200)
  await enrollment.enrollMany({ items: active.map(({ username }) => ({ username, courseId })) })
  const lines = learners
    .slice(100)
    .map(({ username }, index): BulkLine => ({ line: index + 1, item: { username, courseId, mode: 'verified' } }))
  const list = {
    isStable: true,
    async *read() {
      yield { lines }
    },
  }
  const plain = { course_ids: null, removes_funded: false, expected_fingerprint: null, is_dry_run: false }
  const columns: Partial<JobRow> = { ...plain, limits: { maxRemovals: 300 } }
  let writers: Promise<unknown> = Promise.resolve()
  const meanwhile = async () => {
    const begun = beginWriting(learners, courseId)
    writers = begun.writers
    await begun.isWriting
  }
  const run = await runKind(db, rosterKind(list), columns, { chunkSize: 20, meanwhile })
  await writers
  expect(countsOfRun(run)).toMatchObject({ changedSince: expect.any(Number), deactivated: expect.any(Number) })
  expectAtPlannedVersions(run, (plan) => (plan as RosterPlan).version)
})

function beginWriting(learners: readonly SeededLearner[], courseId: string) {
  const { promise: isWriting, resolve } = Promise.withResolvers<void>()
  return { writers: writing(learners, courseId, resolve), isWriting }
}

/** Every second of the learners gets the mode honor from somebody else, or is enrolled by them. */
async function writing(learners: readonly SeededLearner[], courseId: string, tellBegun: () => void): Promise<void> {
  await db
    .insertInto('course_modes')
    .columns(['course_id', 'slug', 'name'])
    .expression(
      db
        .selectFrom('courses')
        .select((eb) => ['id', eb.val('honor').as('slug'), eb.val('Honor').as('name')])
        .where('course_key', '=', courseId),
    )
    .execute()
  const writer = createCaller({ db: others, actor }).enrollment
  for (const { username } of learners.filter((_, index) => index % 2 === 0).toReversed()) {
    await writer.enroll({ username, courseId, mode: 'honor', whenEnrolled: 'update' })
    tellBegun()
  }
}

function expectAtPlannedVersions({ lines, outcomes }: KindRun, versionOf: (plan: unknown) => number): void {
  for (const [index, result] of outcomes.entries()) {
    if (!result.ok || result.outcome.kind === 'unchanged') continue
    expect(result.outcome.enrollment.version).toBe(versionOf(lines[index]?.plan) + 1)
  }
}
