import { describe, expect, test } from 'vitest'
import { addCourse, addLearner } from '../../../support/seed.ts'
import { addCohort, cohortOf, enrollmentInWords } from '../../../support/world.ts'
import { bulkWorld, inWords, only, stranger } from './world.ts'

const { world, ask, whole, auditOf } = bulkWorld()

describe('many at once', () => {
  test('identifiers are parted by commas, spaces and line ends, in their order', async () => {
    const email = stranger()
    const identifiers = ` ${world.enrolled.username},\t${world.notEnrolled.email}\r\nnobody ,, ${email}\n`
    const { results } = (await ask({ identifiers })).json.courses[world.course]
    expect(results.map(({ identifier }: { identifier: string }) => identifier)).toEqual([
      world.enrolled.username,
      world.notEnrolled.email,
      'nobody',
      email,
    ])
    expect(results.map(inWords)).toEqual(['in → in', 'out → in', 'invalid', 'out → allowed'])
  })

  test('one person under two names: the second sees the first', async () => {
    const email = stranger()
    const identifiers = [
      world.notEnrolled.username,
      world.notEnrolled.email.toUpperCase(),
      email,
      email.toUpperCase(),
    ].join()
    const { results } = (await ask({ identifiers })).json.courses[world.course]
    expect(results.map(inWords)).toEqual(['out → in', 'in → in', 'out → allowed', 'allowed → allowed'])
    expect(await auditOf(world.notEnrolled)).toEqual(['from unenrolled to enrolled', 'from enrolled to enrolled'])
    const again = (await ask({ identifiers, action: 'unenroll' })).json.courses[world.course].results
    expect(again.map(inWords)).toEqual(['in → out', 'out → out', 'allowed → out', 'out → out'])
  })

  test('each course answers for itself, with its own cohort', async () => {
    const other = await addCourse(world.door.db)
    await addCohort(world.door.db, other, 'cohort1')
    const { username, id } = world.notEnrolled
    const answer = await ask({ identifiers: username, courses: `${world.course},${other}`, cohorts: 'cohort2,cohort1' })
    expect(Object.keys(answer.json.courses)).toEqual([world.course, other])
    expect([await cohortOf(world.door.db, id, world.course), await cohortOf(world.door.db, id, other)]).toEqual([
      'cohort2',
      'cohort1',
    ])
  })

  test('a course that is named twice answers once, for the second time', async () => {
    const answer = await ask({ identifiers: world.notEnrolled.username, courses: `${world.course},${world.course}` })
    expect(answer.json.courses[world.course].results.map(inWords)).toEqual(['in → in'])
    expect(await auditOf(world.notEnrolled)).toHaveLength(2)
  })

  test('a course that does not exist ends the request before anything is done (rest-v1 D12)', async () => {
    const unknown = 'course-v1:no+such+course'
    for (const courses of [unknown, `${unknown},${world.course}`, `${world.course},${unknown}`]) {
      const answer = await ask({ identifiers: `${world.notEnrolled.username},nobody`, courses })
      expect(answer).toMatchObject({ status: 404, text: '{"detail":"Not found."}' })
    }
    expect(await enrollmentInWords(world.door.db, world.notEnrolled.id, world.course)).toBeNull()
    expect(await auditOf(world.notEnrolled)).toEqual([])
  })

  test('what is wrong with the fields is told before that', async () => {
    const courses = 'course-v1:no+such+course'
    expect(await ask({ identifiers: 'nobody', courses, action: 'x' })).toMatchObject({ status: 400 })
    expect(await ask({ identifiers: 'nobody', courses, cohorts: 'red' })).toMatchObject({
      status: 400,
      json: { non_field_errors: [`cohort red not found in course ${courses}.`] },
    })
  })

  test('a name that two accounts have fails', async () => {
    const twin = await addLearner(world.door.db, { username: world.notEnrolled.email })
    const { email } = world.notEnrolled
    expect(only(await ask({ identifiers: email }))).toEqual({ identifier: email, error: true })
    expect(await enrollmentInWords(world.door.db, twin.id, world.course)).toBeNull()
  })

  test('no identifiers, no courses', async () => {
    expect(await ask({ identifiers: ',' })).toMatchObject({ status: 200, text: whole('enroll', []) })
    const text = '{"auto_enroll":false,"email_students":false,"action":"enroll","courses":{}}'
    expect(await ask({ identifiers: 'x', courses: '' })).toMatchObject({ status: 200, text })
  })

  test('the same request many times at once: one of them enrolls, nothing is lost', async () => {
    const people = [world.notEnrolled.username, world.enrolled.username, stranger(), stranger()].join()
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        ask({ identifiers: n % 2 ? people : people.split(',').toReversed().join() }),
      ),
    )
    const results = answers.flatMap(({ json }) => json.courses[world.course].results)
    expect(
      results.filter(({ identifier, before }) => identifier === world.notEnrolled.username && !before.enrollment),
    ).toHaveLength(1)
    expect(results.map(inWords).filter((words) => /error|invalid/.test(words))).toEqual([])
    expect(await auditOf(world.notEnrolled)).toHaveLength(12)
  })
})
