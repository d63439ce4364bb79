// slow: starts many processes
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cli } from '../../support/cli.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'

const [OURS, THEIRS] = ['course-v1:Test+Ours+2026', 'course-v1:Test+Theirs+2026']

let database: TestDatabase
let env: Record<string, string>

beforeAll(async () => {
  database = await createTestDatabase()
  const { db } = database
  env = { DATABASE_URL: database.connectionString }
  await addCourse(db, { course_key: OURS })
  await addCourse(db, { course_key: THEIRS, owner: 'lms' })
  await addEnrollment(db, (await addLearner(db)).id, OURS)
})
afterAll(() => database[Symbol.asyncDispose]())

const owner = (...args: string[]) => cli(['lms', 'owner', ...args], env)

test('lists who owns what', async () => {
  expect(await owner()).toEqual({
    code: 0,
    stdout: `${OURS.padEnd(THEIRS.length)}  here     1 active, 0 inactive
${THEIRS}  lms      0 active, 0 inactive
1 owned here, 1 by the LMS.
`,
    stderr: '',
  })
  expect(JSON.parse((await owner(THEIRS, '--json')).stdout)).toEqual({
    counts: { here: 0, lms: 1, leaving: 0 },
    courseRuns: [{ courseId: THEIRS, owner: 'lms', active: 0, inactive: 0 }],
  })
})

test('changes nothing where nobody can compare, and says what to do', async () => {
  const { code, stdout, stderr } = await owner(THEIRS, 'here')
  expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining('LMS_DATABASE_URL')])
  expect((await owner(THEIRS)).stdout).toContain('  lms  ')
})

test('changes the owner without comparing where that is asked for, of one course run or of all', async () => {
  const changed = `${THEIRS} is owned by this service now.\n`
  expect(await owner(THEIRS, 'here', '--without-comparing')).toEqual({ code: 0, stdout: changed, stderr: '' })
  const again = await owner(THEIRS, 'here', '--without-comparing')
  expect(again).toEqual({ code: 0, stdout: 'Owned by this service already.\n', stderr: '' })
  const { code, stdout } = await owner('--all', 'lms', '--without-comparing', '--json')
  const json = JSON.parse(stdout)
  expect(code).toBe(0)
  expect({ ...json, changed: json.changed.toSorted() }).toEqual({
    owner: 'lms',
    changed: [OURS, THEIRS],
    differences: [],
    late: [],
    inUse: null,
  })
})

test.each([
  [['course-v1:Test+Ours+2026', 'mine'], "the owner is here or lms, not 'mine'"],
  [['no-key', 'here'], "'no-key' is not a course key"],
  [['--all', 'here', 'lms'], '--all stands in place of a course run'],
  [[OURS, '--wait', '10m'], 'which owner?'],
  [[OURS, 'here', '--wait', 'long'], 'must be a whole number with a unit'],
  [['course-v1:No+Such+Run', 'here', '--without-comparing'], 'No course run has the key'],
])('%o is wrong usage', async (args, text) => {
  const { code, stdout, stderr } = await owner(...args)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(text)
})
