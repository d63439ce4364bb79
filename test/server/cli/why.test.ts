// slow: starts many processes
import { afterAll, describe, expect, test } from 'vitest'
import { createCaller } from '../../../routers/index.ts'
import { cli } from '../../support/cli.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addAllowance, addCourse, addLearner } from '../../support/seed.ts'
import { importAll } from '../../support/transfer.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'shop' } })
const env = { DATABASE_URL: database.connectionString }

describe('why', () => {
  test('names the rule that refuses with its facts, and changes nothing', async () => {
    const course = await addCourse(db, { enrollment_end: '2020-01-01T00:00:00Z', max_enrollments: 20 })
    const { username, email } = await addLearner(db)
    const { code, stdout } = await cli(['why', username, course], env)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Would be refused \(enrollmentClosed\): Enrollment has ended\.\n/)
    expect(stdout).toMatch(/^NO {2}window\s+until 2020-01-01T00:00:00Z \(now /m)
    expect(stdout).toMatch(/^ok {2}seats\s+0 of 20 taken$/m)
    expect(stdout).toMatch(/^ok {2}owner\s+this service$/m)
    expect(stdout).toContain('There is no enrollment and no change.')
    await addAllowance(db, email, course)
    const allowed = await cli(['why', email, course], env)
    expect(allowed.stdout).toMatch(/^Would be enrolled: audit\.\n/)
    expect(allowed.stdout).toMatch(/^ok {2}window\s.*; lifted by the allowance$/m)
    expect(allowed.stdout).toMatch(
      new RegExp(`^\\S+\\s+allowance\\s+the address ${email} may enroll, not used yet$`, 'm'),
    )
    expect(await enrollment.get({ username, courseId: course })).toBeNull()
  })

  test('tells what was before: changes with their reasons, the LMS as owner, countries, and all of it as JSON', async () => {
    const course = await addCourse(db)
    const { username } = await addLearner(db, { country: 'IR' })
    await enrollment.enroll({ username, courseId: course, reason: 'a gift' })
    await importAll(db, [{ type: 'embargo', courseId: course, blacklist: ['IR'] }])
    await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', course).execute()
    const { stdout } = await cli(['why', username, course, '--mode', 'verified', '--json'], env)
    const { rules, events } = JSON.parse(stdout) as { rules: { rule: string }[]; events: unknown[] }
    expect(events).toEqual([expect.objectContaining({ kind: 'created', reason: 'a gift' })])
    const of = (name: string) => rules.find(({ rule }) => rule === name)
    expect(of('owner')).toMatchObject({ verdict: 'refuses' })
    expect(of('enrollment')).toMatchObject({ verdict: 'passes', says: expect.stringContaining('it stays as it is') })
    expect(JSON.parse(stdout)).toMatchObject({ now: { ok: false, error: { code: 'ownedByLms' } } })
    expect(of('embargo')).toMatchObject({
      says: expect.stringContaining('the profile says IR, which the REST API refuses'),
    })
  })

  test('tells of an address without an account what waits for it', async () => {
    const course = await addCourse(db)
    await addAllowance(db, 'nobody@example.com', course)
    const { code, stdout } = await cli(['why', 'nobody@example.com', course], env)
    expect(code).toBe(0)
    expect(stdout).toContain(
      "Would be refused (learnerNotFound): No account has the e-mail address 'nobody@example.com'.",
    )
    expect(stdout).toContain('the address nobody@example.com may enroll')
    expect((await cli(['why', 'nobody', 'no key'], env)).stdout).toMatch(
      /^NO {2}course run\s+'no key' is not a course key\.$/m,
    )
  })
})
