import { afterAll, describe, expect, test } from 'vitest'
import { openDoor, type Answered } from '../../../support/rest.ts'
import { roundsByEvent } from '../../../support/rounds.ts'
import { addCourse, addLearner, addLearners } from '../../../support/seed.ts'
import { addEnrollment } from '../../../support/world.ts'

const PAST = '2020-01-01T00:00:00Z'
const INSTANT = /"\d{4}-\d\d-\d\dT[^"]*"/g

const door = await openDoor()
afterAll(() => door[Symbol.asyncDispose]())
const { db, server } = door

interface Case {
  columns?: Parameters<typeof addCourse>[1]
  enrolled?: { mode?: string; is_active?: boolean }
  /** What the body says beside or instead of user and course run. */
  body?: object
  status: number
}

const cases: Record<string, Case> = {
  'somebody new': { status: 200 },
  'somebody new where seats are counted': { columns: { max_enrollments: 1 }, status: 200 },
  'somebody who had left': { enrolled: { is_active: false }, status: 200 },
  'somebody who is there': { enrolled: {}, status: 200 },
  'another mode': { enrolled: {}, body: { mode: 'verified' }, status: 200 },
  leaving: { enrolled: {}, body: { is_active: false, mode: 'audit' }, status: 200 },
  'leaving in another mode': { enrolled: {}, body: { is_active: false, mode: 'verified' }, status: 400 },
  'an unknown user': { body: { user: 'nobody' }, status: 406 },
  'an unknown course run': { body: { course_details: { course_id: 'course-v1:No+Such+Course' } }, status: 400 },
  'a mode that is not offered': { body: { mode: 'masters' }, status: 400 },
  'a run that has ended': { columns: { enrollment_end: PAST }, status: 400 },
  'no seat': { columns: { max_enrollments: 0 }, status: 400 },
}

describe.each(Object.entries(cases))('%s among sixty good requests', (_, one) => {
  test('is answered as it is alone, and the sixty are enrolled', async () => {
    const courseId = await addCourse(db)
    const good = (await addLearners(db, 60)).map(({ username }) => ({
      user: username,
      course_details: { course_id: courseId },
    }))
    const row = await rowOf(one)
    const [first, odd, last] = await Promise.all([
      Promise.all(good.slice(0, 30).map((body) => server.post(body))),
      answerTo(one, row),
      Promise.all(good.slice(30).map((body) => server.post(body))),
    ])
    expect(odd.status).toBe(one.status)
    expect(odd).toEqual(await answerTo(one, await rowOf(one)))
    expect([...first, ...last].map(({ status, json }) => [status, json.user])).toEqual(
      good.map(({ user }) => [200, user]),
    )
    expect(new Set((await roundsByEvent(db, courseId)).values()).size).toBeLessThan(15)
  })
})

async function rowOf({ columns = {}, enrolled }: Case) {
  const { id, username } = await addLearner(db)
  const courseId = await addCourse(db, { display_name: 'A course', ...columns })
  if (enrolled) await addEnrollment(db, id, courseId, enrolled)
  return { username, courseId }
}

/** Status and text, without names and instants. */
async function answerTo({ body }: Case, { username, courseId }: { username: string; courseId: string }) {
  const { status, text }: Answered = await server.post({
    user: username,
    course_details: { course_id: courseId },
    ...body,
  })
  const plain = text.replaceAll(username, 'the learner').replaceAll(courseId, 'the course run')
  return { status, text: plain.replaceAll(INSTANT, '"an instant"') }
}
