// slow: long series of random cases
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { undoKind } from '../../../../core/bulk/undo/kind.ts'
import { plainCommand, type BatchItem } from '../../../../core/enrollment/command.ts'
import { enrollMany } from '../../../../core/enrollment/enroll.ts'
import { defaultPolicy } from '../../../../core/policy.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { addCourse, addLearners } from '../../../support/seed.ts'
import { countsOfRun, runKind } from '../run-kind.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

/** A change of one of three learners in one of two course runs; `batch` null: by somebody on their own. */
const changes = fc.record({
  batch: fc.constantFrom(0, 0, 1, null),
  learner: fc.nat({ max: 2 }),
  course: fc.nat({ max: 1 }),
  mode: fc.constantFrom('audit', 'verified'),
  isActive: fc.boolean(),
})
type Change = typeof changes extends fc.Arbitrary<infer T> ? T : never

test('undo restores exactly what nobody touched since; undoing that is a redo; a second undo finds all changed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 25 }), async (sequence) => {
      const batches = [randomUUID(), randomUUID()]
      const pairs = await carryOut(sequence, batches)
      const [batchId = ''] = batches
      const before = await statesOf(pairs)
      const expected = await expectedAfterUndo(pairs, batchId)

      const first = await undo(batchId)
      const undone = await statesOf(pairs)
      expect(undone).toEqual(expected)
      await expectGaplessHistory(pairs)

      const second = countsOfRun(await undo(batchId))
      expect(Object.keys(second).filter((code) => code !== 'changedSince' && code !== 'unchanged')).toEqual([])
      expect(await statesOf(pairs)).toEqual(undone)

      await undo(first.jobId)
      expect(await statesOf(pairs)).toEqual(before)
    }),
    { numRuns: 120 },
  )
})

async function carryOut(sequence: readonly Change[], batches: readonly string[]): Promise<string[]> {
  const learners = await addLearners(db, 3)
  const courses = [await addCourse(db), await addCourse(db)]
  for (const { batch, learner, course, mode, isActive } of sequence) {
    const command = {
      ...plainCommand,
      learner: { username: learners[learner]?.username ?? '' },
      courseId: courses[course] ?? '',
      path: 'replace' as const,
      mode,
      isActive,
    }
    const batchId = batch === null ? undefined : batches[batch]
    const item: BatchItem = {
      command,
      metadata: { actor: { kind: 'service', name: 'tests' }, via: 'caller', now: new Date(), batchId },
    }
    await enrollMany(db, [item], defaultPolicy)
  }
  return courses
}

function undo(batchId: string) {
  return runKind(db, undoKind, { undone_batch_id: batchId, reason: `undo of ${batchId}` })
}

async function statesOf(courses: readonly string[]): Promise<Record<string, string>> {
  const rows = await enrollmentsIn(courses)
  return Object.fromEntries(rows.map(({ id, mode, is_active: isActive }) => [id, `${mode} ${isActive}`]))
}

/** By the history alone: the first event of the batch, and whether anybody else came after it. */
async function expectedAfterUndo(courses: readonly string[], batchId: string): Promise<Record<string, string>> {
  const expected: Record<string, string> = {}
  for (const { id, mode, is_active: isActive } of await enrollmentsIn(courses)) {
    const events = await eventsOf(id)
    const first = events.findIndex((event) => event.batch_id === batchId)
    const isUntouched = first !== -1 && events.slice(first).every((event) => event.batch_id === batchId)
    const { before_mode: before, before_is_active: wasActive } = events[first] ?? {}
    expected[id] = isUntouched ? `${before ?? mode} ${wasActive ?? false}` : `${mode} ${isActive}`
  }
  return expected
}

async function expectGaplessHistory(courses: readonly string[]): Promise<void> {
  for (const { id, version } of await enrollmentsIn(courses)) {
    const versions = (await eventsOf(id)).map((event) => event.version)
    expect(versions).toEqual(Array.from({ length: version }, (_, index) => index + 1))
  }
}

function enrollmentsIn(courses: readonly string[]) {
  return db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.id', 'e.mode', 'e.is_active', 'e.version'])
    .where('c.course_key', 'in', [...courses])
    .orderBy('e.id')
    .execute()
}

function eventsOf(enrollmentId: string) {
  return db
    .selectFrom('enrollment_events')
    .select(['version', 'batch_id', 'before_mode', 'before_is_active', 'after_mode', 'after_is_active'])
    .where('enrollment_id', '=', enrollmentId)
    .orderBy('version')
    .execute()
}
