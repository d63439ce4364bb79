import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDoor, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner, addRole, type SeededLearner } from '../../../support/seed.ts'
import {
  addCohort,
  addEnrollment,
  addMode,
  attributesInWords,
  cohortOf,
  enrollmentInWords,
} from '../../../support/world.ts'

// The numbers are those of rest-v1 §5. Each example has its own Bob and course.

let door: Door
let staff: SeededLearner
let bob: SeededLearner

beforeAll(async () => {
  door = await openDoor()
  staff = await addLearner(door.db, { is_staff: true })
})
beforeEach(async () => void (bob = await addLearner(door.db)))
afterAll(() => door[Symbol.asyncDispose]())

const course = (...modes: string[]) => addCourse(door.db, { modes })
const asked = (course_id: string, more: object = {}) => ({ course_details: { course_id }, ...more })
const forBob = (course_id: string, more: object = {}) => asked(course_id, { user: bob.username, ...more })
const enrollment = (course_id: string) => enrollmentInWords(door.db, bob.id, course_id)

describe('5.1 POST /enrollment', () => {
  test('1. a course without modes, asked for audit', async () => {
    const id = await addCourse(door.db, { modes: [], display_name: 'The Course' })
    const answer = await door.as(bob).post(asked(id, { mode: 'audit' }))
    expect(answer).toMatchObject({
      status: 200,
      json: { mode: 'audit', is_active: true, course_details: { course_id: id, course_name: 'The Course' } },
    })
  })

  test('3. global staff names Bob by e-mail', async () => {
    const answer = await door.as(staff).post(asked(await course('audit'), { email: bob.email }))
    expect(answer).toMatchObject({ status: 200, json: { user: bob.username } })
  })

  test('6. own user and the e-mail of another: the user counts', async () => {
    const answer = await door.as(bob).post(forBob(await course('audit'), { email: staff.email }))
    expect(answer).toMatchObject({ status: 200, json: { user: bob.username } })
  })

  test('7. the user of another and own e-mail', async () => {
    const body = asked(await course('audit'), { user: staff.username, email: bob.email })
    expect(await door.as(bob).post(body)).toMatchObject({ status: 404, text: '' })
  })

  test('9. only the course: the caller', async () => {
    const answer = await door.as(bob).post(asked(await course('audit')))
    expect(answer).toMatchObject({ status: 200, json: { user: bob.username } })
  })

  test('10. closed, a learner asks for verified', async () => {
    const id = await addCourse(door.db, { modes: ['verified'], enrollment_end: '2020-01-01T00:00:00Z' })
    const answer = await door.as(bob).post(asked(id, { mode: 'verified', force_enrollment: false }))
    expect(answer.status).toBe(403)
  })

  test('11. closed, global staff asks for Bob without force', async () => {
    const id = await addCourse(door.db, { modes: ['verified'], enrollment_end: '2020-01-01T00:00:00Z' })
    const answer = await door.as(staff).post(forBob(id, { mode: 'verified', force_enrollment: false }))
    expect(answer.status).toBe(400)
    expect((await door.as(staff).post(forBob(id, { mode: 'verified', force_enrollment: true }))).status).toBe(200)
  })

  test('14 and 16. e-mail opt-in, given and absent', async () => {
    const optIns = () => door.db.selectFrom('email_optins').select(['org', 'value']).where('learner_id', '=', bob.id)
    await door.as(bob).post(asked(await course('audit')))
    expect(await optIns().execute()).toEqual([])
    const id = await addCourse(door.db, { course_key: 'course-v1:OptIn+Course+2026' })
    expect((await door.as(bob).post(asked(id, { email_opt_in: true }))).status).toBe(200)
    expect(await optIns().execute()).toEqual([{ org: 'OptIn', value: 'True' }])
  })

  test('17. only professional, a learner asks for audit', async () => {
    const id = await course('professional')
    const answer = await door.as(bob).post(asked(id, { mode: 'audit' }))
    expect(answer).toMatchObject({ status: 400, json: { course_details: { course_id: id } } })
    expect(answer.json.course_details.course_modes).toMatchObject([{ slug: 'professional' }])
  })

  test('18. anonymous', async () => {
    expect((await door.anonymous.post(asked(await course('audit')))).status).toBe(401)
  })

  test('20. the username of another', async () => {
    expect((await door.as(bob).post(asked(await course('audit'), { user: staff.username }))).status).toBe(404)
  })

  test('21. a server without a login, for another', async () => {
    const lines = door.log.length
    expect((await door.server.post(forBob(await course('audit'), { mode: 'audit' }))).status).toBe(200)
    expect(door.log.slice(lines)).toContainEqual(expect.stringMatching(/^enrollment_change_requested: /))
  })

  test('22. a course that does not exist', async () => {
    expect((await door.as(bob).post(asked('entirely/fake/course'))).status).toBe(400)
  })

  test('23. the same twice', async () => {
    const id = await course('audit')
    const first = await door.as(bob).post(asked(id))
    expect(await door.as(bob).post(asked(id))).toMatchObject({ status: 200, text: first.text })
  })

  test('27. many requests of a server', async () => {
    const id = await course('audit')
    for (let i = 0; i < 50; i += 1) expect((await door.server.post(forBob(id))).status).toBe(200)
  })

  test('28. a cohort', async () => {
    const id = await course('masters')
    await addCohort(door.db, id, 'masters')
    expect((await door.server.post(forBob(id, { mode: 'masters', cohort: 'masters' }))).status).toBe(200)
    expect(await cohortOf(door.db, bob.id, id)).toBe('masters')
  })

  test('30. a server asks for professional', async () => {
    const answer = await door.server.post(forBob(await course('professional'), { mode: 'professional' }))
    expect(answer).toMatchObject({ status: 200, json: { mode: 'professional' } })
  })

  test('31. an upgrade', async () => {
    const id = await course('audit', 'verified')
    await door.server.post(forBob(id, { mode: 'audit' }))
    expect((await door.server.post(forBob(id, { mode: 'verified' }))).status).toBe(200)
    expect(await enrollment(id)).toBe('active verified')
  })

  test('32. credit with its provider', async () => {
    const id = await course('audit', 'credit')
    await door.server.post(forBob(id, { mode: 'audit' }))
    const enrollment_attributes = [{ namespace: 'credit', name: 'provider_id', value: 'hogwarts' }]
    expect((await door.server.post(forBob(id, { mode: 'credit', enrollment_attributes }))).status).toBe(200)
    expect(await enrollment(id)).toBe('active credit')
    expect(await attributesInWords(door.db, bob.id, id)).toEqual(['credit/provider_id/hogwarts'])
  })

  test.for([
    [35, ['audit'], 'audit', 200],
    [36, ['audit', 'verified'], 'audit', 200],
    [38, ['professional'], 'professional', 400],
    [39, ['no-id-professional'], 'no-id-professional', 400],
    [41, ['verified', 'credit'], 'credit', 400],
  ] as const)('%i. deactivation of %s', async ([, modes, mode, last]) => {
    const id = await course(...modes)
    expect((await door.server.post(forBob(id, { mode }))).status).toBe(200)
    expect((await door.server.post(forBob(id, { mode: null, is_active: 'foo' }))).status).toBe(400)
    for (let i = 0; i < 2; i += 1) {
      expect((await door.server.post(forBob(id, { mode, is_active: false }))).status).toBe(200)
      expect(await enrollment(id)).toBe(`inactive ${mode}`)
    }
    expect((await door.server.post(forBob(id, { mode: 'audit', is_active: false }))).status).toBe(last)
  })

  test('42. global staff without a key deactivates', async () => {
    const id = await course('verified')
    await door.server.post(forBob(id, { mode: 'verified' }))
    expect((await door.as(staff).post(forBob(id, { mode: 'verified', is_active: false }))).status).toBe(200)
    expect(await enrollment(id)).toBe('inactive verified')
  })

  test('44 and 64. a learner cannot change the mode', async () => {
    const id = await course('audit', 'verified')
    await door.as(bob).post(asked(id))
    expect((await door.as(bob).post(asked(id, { mode: 'verified' }))).status).toBe(403)
    expect(await enrollment(id)).toBe('active audit')
  })

  const flags = [true, false]
  const modes = ['honor', 'verified']
  const changes = modes.flatMap((from) =>
    modes.flatMap((to) => flags.flatMap((was) => flags.map((is) => ({ from, to, was, is })))),
  )
  test.for(changes)('45-60. $from to $to, active $was to $is', async ({ from, to, was, is }) => {
    const id = await course(...modes)
    await addEnrollment(door.db, bob.id, id, { mode: from, is_active: was })
    const answer = await door.server.post(forBob(id, { mode: to, is_active: is }))
    const words = (mode: string, active: boolean) => `${active ? 'active' : 'inactive'} ${mode}`
    if (from !== to && was && !is) {
      expect(answer.status).toBe(400)
      expect(answer.json.message).toMatch('Enrollment mode mismatch')
      expect(await enrollment(id)).toBe(words(from, was))
      return
    }
    expect(answer.status).toBe(200)
    expect(await enrollment(id)).toBe(words(to, is))
  })

  test('61. a learner names somebody who does not exist', async () => {
    expect((await door.as(bob).post(asked(await course('audit'), { user: 'fake-user' }))).status).toBe(404)
  })

  test('65. global staff without a key asks for verified', async () => {
    const answer = await door.as(staff).post(forBob(await course('verified'), { mode: 'verified' }))
    expect(answer).toMatchObject({ status: 200, json: { mode: 'verified' } })
  })

  test('68. attributes are replaced', async () => {
    const id = await course('audit', 'verified')
    const order = (value: string) => ({ enrollment_attributes: [{ namespace: 'order', name: 'order_number', value }] })
    await door.server.post(forBob(id, { mode: 'verified', ...order('EDX-1000') }))
    expect(await attributesInWords(door.db, bob.id, id)).toEqual(['order/order_number/EDX-1000'])
    await door.server.post(forBob(id, { mode: 'audit', ...order('EDX-2000') }))
    expect(await attributesInWords(door.db, bob.id, id)).toEqual(['order/order_number/EDX-2000'])
  })
})

describe('5.2 reads', () => {
  test('69. own enrollment', async () => {
    const id = await addCourse(door.db, { display_name: 'The Course' })
    await door.as(bob).post(asked(id))
    expect(await door.as(bob).get(`/enrollment/${bob.username},${id}`)).toMatchObject({
      status: 200,
      json: { mode: 'audit', is_active: true, course_details: { course_id: id, course_name: 'The Course' } },
    })
  })

  test('71 and 73. the enrollment of another: for global staff only', async () => {
    const path = `/enrollment/${bob.username},${await course('audit')}`
    expect((await door.as(await addLearner(door.db)).get(path)).status).toBe(404)
    expect((await door.as(staff).get(path)).status).toBe(200)
  })

  test('75, 77 and 78. the list, for Bob, for staff of one course, for global staff', async () => {
    const ids = [await course('audit'), await course('audit')]
    for (const id of ids) await addEnrollment(door.db, bob.id, id)
    const teacher = await addLearner(door.db)
    await addRole(door.db, teacher, 'staff', ids[0] ?? '')
    const listed = async (person: { username: string }) =>
      (await door.as(person).get(`/enrollment?user=${bob.username}`)).json.map(
        (each: { course_details: { course_id: string } }) => each.course_details.course_id,
      )
    expect([await listed(bob), await listed(teacher), await listed(staff)]).toEqual([ids, ids.slice(0, 1), ids])
  })

  test('80. a mode with its stock keeping units', async () => {
    const id = await course()
    await addMode(door.db, id, 'honor', { sku: '123', bulk_sku: 'BULK123' })
    const { json } = await door.anonymous.get(`/course/${id}`)
    expect(json.course_modes[0]).toMatchObject({ slug: 'honor', name: 'honor', sku: '123', bulk_sku: 'BULK123' })
  })

  test('81. a course that offers only credit', async () => {
    const { json } = await door.anonymous.get(`/course/${await course('credit')}`)
    expect(json.course_modes).toMatchObject([{ slug: 'credit' }])
  })

  test.for([
    [82, null, null],
    [83, '2026-01-01T00:00:00Z', null],
    [84, null, '2026-12-31T23:59:59Z'],
    [85, '2026-01-01T00:00:00Z', '2026-12-31T23:59:59Z'],
  ] as const)('%i. a course from %s to %s', async ([, starts, ends]) => {
    const id = await addCourse(door.db, { starts, ends })
    await door.as(bob).post(asked(id))
    const dates = { course_start: starts, course_end: ends }
    expect((await door.anonymous.get(`/course/${id}`)).json).toMatchObject(dates)
    expect((await door.as(bob).get(`/enrollment/${id}`)).json.course_details).toMatchObject(dates)
    expect((await door.as(bob).get('/enrollment')).json[0].course_details).toMatchObject(dates)
  })

  test('86. a course that does not exist', async () => {
    expect(await door.anonymous.get('/course/some/fake/course')).toMatchObject({
      status: 400,
      text: '{"message":"No course found for course ID \'some/fake/course\'"}',
    })
  })
})

describe('5.9 and 5.10 as they show over HTTP', () => {
  test.for([
    [159, [], 'honor', 400],
    [161, ['professional'], 'professional', 200],
    [162, ['no-id-professional'], 'no-id-professional', 200],
    [163, ['audit', 'verified', 'credit'], null, 200],
    [165, ['professional'], null, 400],
    [165, ['verified'], null, 400],
    [165, ['verified', 'professional'], null, 400],
  ] as const)('%i. %j, asked for %s', async ([, modes, mode, status]) => {
    const answer = await door.server.post(forBob(await course(...modes), { mode }))
    expect(answer.status).toBe(status)
    if (status === 200) expect(answer.json.mode).toBe(mode ?? 'audit')
  })

  test('167, 169, 179 and 181. what is deactivated keeps its mode, and is not listed', async () => {
    const id = await course('audit', 'verified')
    await door.server.post(forBob(id, { mode: 'verified' }))
    expect((await door.as(bob).get('/enrollment')).json).toHaveLength(1)
    const { json } = await door.server.post(forBob(id, { is_active: false }))
    expect(json).toMatchObject({ mode: 'verified', is_active: false })
    expect((await door.as(bob).get('/enrollment')).text).toBe('[]')
    expect((await door.as(bob).get(`/enrollment/${id}`)).json).toMatchObject({ is_active: false })
  })

  test('171. audit, honor, verified one after another', async () => {
    const id = await course('audit', 'honor', 'verified')
    for (const mode of ['audit', 'honor', 'verified']) {
      expect((await door.server.post(forBob(id, { mode }))).json).toMatchObject({ mode, is_active: true })
    }
  })

  test('173 and 192. modes, and expired ones only when asked for', async () => {
    const id = await addCourse(door.db, { modes: ['audit', 'verified', ['honor', '2020-01-01T00:00:00Z']] })
    const slugs = async (query: string) =>
      (await door.anonymous.get(`/course/${id}${query}`)).json.course_modes.map(({ slug }: { slug: string }) => slug)
    const [unexpired, all] = [
      ['audit', 'verified'],
      ['audit', 'verified', 'honor'],
    ]
    for (const query of ['', '?include_expired=', '?include_expired', '?x=1'])
      expect(await slugs(query)).toEqual(unexpired)
    for (const value of ['1', '0', 'false', 'no']) expect(await slugs(`?include_expired=${value}`)).toEqual(all)
  })

  test('175 and 177. an expired mode: not for staff without a key, but for leaving it', async () => {
    const id = await addCourse(door.db, { modes: ['audit', ['verified', '2020-01-01T00:00:00Z']] })
    await addEnrollment(door.db, bob.id, id)
    expect((await door.as(staff).post(forBob(id, { mode: 'verified' }))).status).toBe(400)
    expect((await door.server.post(forBob(id, { mode: 'verified' }))).status).toBe(200)
    expect((await door.as(staff).post(forBob(id, { mode: 'verified', is_active: false }))).status).toBe(200)
  })

  test('182. reading before and after', async () => {
    const id = await course('audit')
    expect(await door.as(bob).get(`/enrollment/${id}`)).toMatchObject({ status: 200, text: '' })
    const created = await door.as(bob).post(asked(id))
    expect((await door.as(bob).get(`/enrollment/${id}`)).text).toBe(created.text)
  })

  test('183. attributes: absent and null leave them, an empty list deletes them', async () => {
    const id = await course('audit', 'verified')
    const set = (mode: string, enrollment_attributes?: unknown) =>
      door.server.post(forBob(id, { mode, enrollment_attributes }))
    const attribute = (value: string) => ({ namespace: 'credit', name: 'provider_id', value })
    await set('audit', [attribute('hogwarts'), attribute('other')])
    expect(await attributesInWords(door.db, bob.id, id)).toEqual([
      'credit/provider_id/hogwarts',
      'credit/provider_id/other',
    ])
    await set('verified')
    await set('audit', null)
    expect(await attributesInWords(door.db, bob.id, id)).toHaveLength(2)
    await set('verified', [attribute('ASU')])
    expect(await attributesInWords(door.db, bob.id, id)).toEqual(['credit/provider_id/ASU'])
    await set('audit', [])
    expect(await attributesInWords(door.db, bob.id, id)).toEqual([])
  })

  test('187 and 188. closed and full', async () => {
    for (const columns of [{ enrollment_end: '2020-01-01T00:00:00Z' }, { max_enrollments: 0 }]) {
      const id = await addCourse(door.db, columns)
      const message = `An error occurred while creating the new course enrollment for user '${bob.username}' in course '${id}'`
      expect(await door.as(bob).post(asked(id))).toMatchObject({ status: 400, json: { message } })
    }
  })
})

describe('5.11 as it shows over HTTP', () => {
  test('194. staff and instructors take no seat', async () => {
    const id = await addCourse(door.db, { max_enrollments: 1 })
    for (const role of ['staff', 'instructor']) {
      const teacher = await addLearner(door.db)
      await addRole(door.db, teacher, role, id)
      expect((await door.as(teacher).post(asked(id))).status).toBe(200)
    }
    expect((await door.as(bob).post(asked(id))).status).toBe(200)
    expect((await door.as(await addLearner(door.db)).post(asked(id))).status).toBe(400)
  })

  test('196. who is allowed in comes in, others do not', async () => {
    const id = await addCourse(door.db, { invitation_only: true })
    await door.db.insertInto('enrollment_allowances').values({ email: bob.email, course_key: id }).execute()
    expect((await door.as(await addLearner(door.db)).post(asked(id))).status).toBe(400)
    expect((await door.as(bob).post(asked(id))).json.course_details.invite_only).toBe(true)
    expect((await door.as(staff).post(asked(id))).status).toBe(200)
  })
})
