import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDoor, type Door } from '../../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../../support/seed.ts'
import { addCohort, addEnrollment, attributesInWords, cohortOf, enrollmentInWords } from '../../../../support/world.ts'

let door: Door
let bob: SeededLearner
let staff: SeededLearner
let course: string
/** Enrollment has ended. */
let closed: string
/** No seat is left. */
let full: string
let verifiedOnly: string

beforeAll(async () => {
  door = await openDoor()
  const { db } = door
  bob = await addLearner(db)
  staff = await addLearner(db, { is_staff: true })
  course = await addCourse(db, { modes: ['audit', 'verified', 'credit'] })
  closed = await addCourse(db, { enrollment_end: '2020-01-01T00:00:00Z' })
  full = await addCourse(db, { max_enrollments: 0 })
  verifiedOnly = await addCourse(db, { modes: ['verified'] })
})
afterAll(() => door[Symbol.asyncDispose]())

const details = (course_id: unknown) => ({ course_details: { course_id } })
const message = (status: number, text: string) => ({ status, json: { message: text } })
const NO_COURSE_ID = 'Course ID must be specified to create a new enrollment.'

/** Whatever the caller is. */
const callers = () => ({ learner: door.as(bob), staff: door.as(staff), key: door.server, both: door.serverAs(staff) })

describe('rows 1 and 2: the course id', () => {
  test.for([
    [{}, NO_COURSE_ID],
    [{ course_details: {} }, NO_COURSE_ID],
    [details(''), NO_COURSE_ID],
    [details(null), NO_COURSE_ID],
    [details(0), NO_COURSE_ID],
    [details([]), NO_COURSE_ID],
    [{ course_id: 'course-v1:a+b+c' }, NO_COURSE_ID],
    [details('invalidcourse'), "No course 'invalidcourse' found for enrollment"],
    [details(' course-v1:a+b+c '), "No course ' course-v1:a+b+c ' found for enrollment"],
    [details('course-v1:version@519665f6223ebd6980884f2b'), /^No course 'course-v1:version@\w+' found for enrollment$/],
    // rest-v1 D2
    [{ course_details: null }, 'course_details must be an object.'],
    [{ course_details: 'course-v1:a+b+c' }, 'course_details must be an object.'],
    [{ course_details: ['course-v1:a+b+c'] }, 'course_details must be an object.'],
    [details(7), 'course_details.course_id must be text.'],
    [details(['x']), 'course_details.course_id must be text.'],
    [details({ a: 1 }), 'course_details.course_id must be text.'],
  ] as const)('%j', async ([body, text]) => {
    for (const [name, client] of Object.entries(callers())) {
      const answer = await client.post({ ...body, mode: 7, user: 'nobody' })
      expect(answer.status, name).toBe(400)
      expect(answer.json.message, name).toMatch(text instanceof RegExp ? text : new RegExp(`^${RegExp.escape(text)}$`))
    }
  })

  test.for(['[]', '[1]', '"text"', '7', 'null', 'true'])('the body %s is no object', async (body) => {
    for (const client of Object.values(callers())) {
      expect(await client.post(body)).toMatchObject(message(400, 'The request body must be a JSON object.'))
    }
  })
})

describe('rows 3 and 4: whom', () => {
  const hidden = { status: 404, text: '' }

  test('another user, for a learner: hidden, whatever else is wrong', async () => {
    for (const more of [{}, { mode: 'verified' }, { is_active: 'x' }, { force_enrollment: 'x' }, { cohort: 7 }]) {
      const answer = await door.as(bob).post({ ...details('some/fake/course'), user: staff.username, ...more })
      expect(answer).toMatchObject(hidden)
      expect(answer.headers).not.toHaveProperty('content-type')
    }
  })

  test('an e-mail address, for a learner: hidden, even their own', async () => {
    expect(await door.as(bob).post({ ...details(course), email: bob.email })).toMatchObject(hidden)
    expect(await door.as(bob).post({ ...details(course), user: '', email: bob.email })).toMatchObject(hidden)
  })

  test('an e-mail address of nobody', async () => {
    for (const client of [door.as(staff), door.server]) {
      const answer = await client.post({ ...details('some/fake/course'), email: 'Nobody@x.org', is_active: 'x' })
      expect(answer).toMatchObject(message(406, 'The user with the email address Nobody@x.org does not exist.'))
    }
  })

  test('an e-mail address finds its account in any letters', async () => {
    const { email, username } = await addLearner(door.db)
    const answer = await door.server.post({ ...details(course), email: email.toUpperCase() })
    expect(answer).toMatchObject({ status: 200, json: { user: username } })
  })

  test('the e-mail address is not looked at beside a user', async () => {
    const { username } = await addLearner(door.db)
    expect(await door.server.post({ ...details(course), user: username, email: 7 })).toMatchObject({ status: 200 })
  })

  test.for([
    [{ user: 7 }, 'user must be text.'],
    [{ user: ['bob'] }, 'user must be text.'],
    [{ user: { a: 1 } }, 'user must be text.'],
    [{ user: true }, 'user must be text.'],
    [{ email: 7 }, 'email must be text.'],
    [{ email: ['x'] }, 'email must be text.'],
  ] as const)('of the wrong type: %j', async ([more, text]) => {
    for (const client of Object.values(callers())) {
      expect(await client.post({ ...details(course), ...more, mode: 7 })).toMatchObject(message(400, text))
    }
  })

  test.for([{ user: '' }, { user: null }, { user: 0 }, { user: false }, { user: [] }, { email: '' }, { email: null }])(
    '%j counts as absent: the caller',
    async (more) => {
      const learner = await addLearner(door.db)
      const answer = await door.as(learner).post({ ...details(course), ...more })
      expect(answer).toMatchObject({ status: 200, json: { user: learner.username } })
    },
  )
})

describe('row 5: the mode', () => {
  test.for(['verified', 'credit', 'nonsense', ''])('a learner may not ask for %o', async (mode) => {
    const text = `User does not have permission to create enrollment with mode [${mode}].`
    for (const more of [{}, { is_active: 'x' }, { force_enrollment: 'x' }, { enrollment_attributes: [{}] }]) {
      const answer = await door.as(bob).post({ ...details('some/fake/course'), mode, ...more })
      expect(answer).toMatchObject(message(403, text))
    }
  })

  test.for([7, true, ['audit'], {}, false])('of the wrong type: %j', async (mode) => {
    for (const client of Object.values(callers())) {
      expect(await client.post({ ...details(course), mode })).toMatchObject(message(400, 'mode must be text.'))
    }
  })
})

describe('row 6: the account', () => {
  test('of nobody', async () => {
    for (const client of [door.as(staff), door.server]) {
      const answer = await client.post({ ...details('some/fake/course'), user: 'no-one', is_active: 'x' })
      expect(answer).toMatchObject(message(406, 'The user no-one does not exist.'))
    }
  })

  test('of a key without a user: the empty username', async () => {
    expect(await door.server.post(details(course))).toMatchObject(message(406, 'The user  does not exist.'))
  })

  test('a username is exact', async () => {
    const answer = await door.server.post({ ...details(course), user: bob.username.toUpperCase() })
    expect(answer.status).toBe(406)
  })
})

describe('rows 9 and 11: flags', () => {
  test.for([
    ['1', '1'],
    ['0', '0'],
    ['1.0', '1.0'],
    ['"true"', 'true'],
    ['""', ''],
    ['[]', '[]'],
    ['[true, null]', '[True, None]'],
    ['{"a": "b"}', "{'a': 'b'}"],
    ['{}', '{}'],
  ] as const)('%s is neither true nor false', async ([value, spelling]) => {
    const course_details = '"course_details":{"course_id":"some/fake/course"}'
    for (const client of [door.as(bob), door.as(staff), door.serverAs(staff)]) {
      expect(
        await client.post(`{${course_details},"is_active":${value},"force_enrollment":"x","enrollment_attributes":7}`),
      ).toMatchObject(message(400, `'${spelling}' is an invalid enrollment activation status.`))
      expect(
        await client.post(`{${course_details},"is_active":true,"force_enrollment":${value},"enrollment_attributes":7}`),
      ).toMatchObject(message(400, `'${spelling}' is an invalid force enrollment status.`))
    }
  })
})

describe('bounds of what a POST may hold (rest-v1 D19)', () => {
  const attributes = (length: number) =>
    Array.from({ length }, (_, index) => ({ namespace: 'n', name: `a${index}`, value: 'v' }))

  test('attributes: a hundred', async () => {
    const learner = await addLearner(door.db)
    const post = (length: number) =>
      door.as(learner).post({ ...details(course), enrollment_attributes: attributes(length) })
    const text = 'enrollment_attributes must hold at most 100 attributes.'
    expect(await post(101)).toMatchObject(message(400, text))
    expect(await enrollmentInWords(door.db, learner.id, course)).toBeNull()
    expect(await post(100)).toMatchObject({ status: 200 })
    expect(await attributesInWords(door.db, learner.id, course)).toHaveLength(100)
  })

  test('an opt-in: 255 characters, before anything is done', async () => {
    const learner = await addLearner(door.db)
    const post = (email_opt_in: unknown) => door.as(learner).post({ ...details(course), email_opt_in })
    const text = 'email_opt_in must be text of at most 255 characters.'
    for (const optIn of ['x'.repeat(256), '😀'.repeat(256), Array.from({ length: 100 }, () => true)]) {
      expect(await post(optIn)).toMatchObject(message(400, text))
    }
    expect(await enrollmentInWords(door.db, learner.id, course)).toBeNull()
    expect(await post('😀'.repeat(255))).toMatchObject({ status: 200 })
  })

  test('values, fields and depth', async () => {
    const detail = (text: string) => ({ status: 400, json: { detail: `The request body must not ${text}.` } })
    expect(await door.as(bob).post(`[${'1,'.repeat(10_000)}1]`)).toMatchObject(detail('hold more than 10000 values'))
    expect(await door.as(bob).post('['.repeat(100_000))).toMatchObject(detail('be nested deeper than 64 levels'))
    const form = await door.as(bob).send('POST', '/enrollment', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'a=1&'.repeat(200_000),
    })
    expect(form).toMatchObject(detail('hold more than 1000 form fields'))
  })
})

describe('row 13: attributes', () => {
  test.for([
    [7, 'enrollment_attributes must be a list.'],
    ['x', 'enrollment_attributes must be a list.'],
    [{ namespace: 'a' }, 'enrollment_attributes must be a list.'],
    [['x'], 'enrollment_attributes must hold objects.'],
    [[null], 'enrollment_attributes must hold objects.'],
    [[{}], "'namespace' not in enrollment attribute"],
    [[{ name: 'b', value: 'c' }], "'namespace' not in enrollment attribute"],
    [[{ namespace: 'a', value: 'c' }], "'name' not in enrollment attribute"],
    [[{ namespace: 'a', name: 'b', value: 'c' }, { namespace: 'a' }], "'name' not in enrollment attribute"],
    [[{ namespace: 'a', name: 'b', value: null }], 'enrollment_attributes must hold texts.'],
    [[{ namespace: [], name: 'b', value: 'c' }], 'enrollment_attributes must hold texts.'],
    [
      [{ namespace: 'a', name: 'b', value: 'x'.repeat(256) }],
      'enrollment_attributes must hold texts of at most 255 characters.',
    ],
  ] as const)('%j', async ([enrollment_attributes, text]) => {
    const learner = await addLearner(door.db)
    for (const client of [door.as(learner), door.serverAs(learner)]) {
      for (const id of ['some/fake/course', course]) {
        expect(await client.post({ ...details(id), enrollment_attributes })).toMatchObject(message(400, text))
      }
    }
    expect(await enrollmentInWords(door.db, learner.id, course)).toBeNull()
  })

  test('numbers and truth values are kept as Python spells them', async () => {
    const learner = await addLearner(door.db)
    const body = `{"course_details":{"course_id":"${course}"},"enrollment_attributes":[{"namespace":"a","name":1,"value":true},{"namespace":"a","name":"b","value":1.50}]}`
    expect((await door.as(learner).post(body)).status).toBe(200)
    expect(await attributesInWords(door.db, learner.id, course)).toEqual(['a/1/True', 'a/b/1.5'])
  })
})

describe('row 15: the rules of enrollment', () => {
  const generic = (user: string, id: string) =>
    `An error occurred while creating the new course enrollment for user '${user}' in course '${id}'`

  test('15a: deactivating with another mode comes before the attributes and the mode itself', async () => {
    const { id, username: user } = await addLearner(door.db)
    await addEnrollment(door.db, id, course)
    for (const mode of ['verified', 'credit', 'nonsense']) {
      const enrollment_attributes = [{ namespace: 'a', name: 'b', value: 'c' }]
      const answer = await door.server.post({ ...details(course), user, mode, is_active: false, enrollment_attributes })
      const text = `Enrollment mode mismatch: active mode=audit, requested mode=${mode}. Won't deactivate.`
      expect(answer).toMatchObject(message(400, text))
    }
    expect(await enrollmentInWords(door.db, id, course)).toBe('active audit')
  })

  test('15b: attributes without the required one come before the mode', async () => {
    const { id, username: user } = await addLearner(door.db)
    const enrollment_attributes = [{ namespace: 'a', name: 'b', value: 'c' }]
    for (const each of [course, verifiedOnly]) {
      await addEnrollment(door.db, id, each)
      const answer = await door.server.post({ ...details(each), user, mode: 'credit', enrollment_attributes })
      const text = "Missing enrollment attributes: requested mode=credit required attributes=['credit:provider_id']"
      expect(answer).toMatchObject(message(400, text))
    }
  })

  test('15b comes before 15h: nothing changes, though a value is missing too', async () => {
    const { id, username: user } = await addLearner(door.db)
    await addEnrollment(door.db, id, course)
    const enrollment_attributes = [{ namespace: 'a', name: 'b' }]
    const answer = await door.server.post({ ...details(course), user, mode: 'credit', enrollment_attributes })
    expect(answer.json.message).toMatch(/^Missing enrollment attributes/)
    expect(await enrollmentInWords(door.db, id, course)).toBe('active audit')
  })

  test('the required attribute is not asked for when adding (quirk 18)', async () => {
    const { username: user } = await addLearner(door.db)
    const enrollment_attributes = [{ namespace: 'a', name: 'b', value: 'c' }]
    const answer = await door.server.post({ ...details(course), user, mode: 'credit', enrollment_attributes })
    expect(answer).toMatchObject({ status: 200, json: { mode: 'credit' } })
  })

  test('17: an unknown course comes before its modes', async () => {
    const answer = await door.server.post({ ...details('some/fake/course'), user: bob.username, mode: 'nonsense' })
    expect(answer).toMatchObject(message(400, "No course 'some/fake/course' found for enrollment"))
  })

  test('16: an unavailable mode comes before closed and full', async () => {
    for (const id of [closed, full]) {
      const answer = await door.server.post({ ...details(id), user: bob.username, mode: 'masters' })
      const text = `The [masters] course mode is expired or otherwise unavailable for course run [${id}].`
      expect(answer).toMatchObject({ status: 400, json: { message: text, course_details: { course_id: id } } })
      expect(Object.keys(answer.json)).toEqual(['message', 'course_details'])
    }
  })

  test('16: where none was asked for, the text says so', async () => {
    const answer = await door.as(bob).post(details(verifiedOnly))
    expect(answer.json.message).toBe(
      `The [None] course mode is expired or otherwise unavailable for course run [${verifiedOnly}].`,
    )
    expect(answer.json.course_details.course_modes.map(({ slug }: { slug: string }) => slug)).toEqual(['verified'])
  })

  test('16: the modes are shown as the request saw them', async () => {
    const gone = await addCourse(door.db, { modes: ['honor', ['verified', '2020-01-01T00:00:00Z']] })
    const slugs = async (body: object) =>
      (await door.as(staff).post({ ...details(gone), ...body })).json.course_details.course_modes.map(
        ({ slug }: { slug: string }) => slug,
      )
    expect(await slugs({ mode: 'masters' })).toEqual(['honor'])
    expect(await slugs({ mode: 'masters', is_active: false })).toEqual(['honor', 'verified'])
    expect(await slugs({ mode: 'masters', force_enrollment: true })).toEqual(['honor', 'verified'])
  })

  test('18: closed comes before full; both say the same', async () => {
    for (const id of [closed, full]) {
      expect(await door.as(bob).post(details(id))).toMatchObject(message(400, generic(bob.username, id)))
    }
  })

  test('18 comes before "already active": a repeat in a closed or full course is an error', async () => {
    const { id, username: user } = await addLearner(door.db)
    for (const each of [closed, full]) {
      await addEnrollment(door.db, id, each)
      expect(await door.server.post({ ...details(each), user })).toMatchObject(message(400, generic(user, each)))
    }
  })

  test('15g: what is active already gets nothing further', async () => {
    const learner = await addLearner(door.db)
    await addEnrollment(door.db, learner.id, course)
    await addCohort(door.db, course, 'red')
    const more = {
      enrollment_attributes: [{ namespace: 'a', name: 'b', value: 'c' }],
      email_opt_in: true,
    }
    for (const cohort of ['red', 'no such cohort', 7]) {
      const answer = await door.serverAs(learner).post({ ...details(course), ...more, cohort })
      expect(answer).toMatchObject({ status: 200, json: { user: learner.username } })
    }
    const incomplete = { enrollment_attributes: [{ namespace: 'a', name: 'b' }] }
    expect((await door.as(learner).post({ ...details(course), ...incomplete })).status).toBe(200)
    expect(await attributesInWords(door.db, learner.id, course)).toEqual([])
    expect(await cohortOf(door.db, learner.id, course)).toBeNull()
    expect(await optIns(learner.id)).toEqual([])
  })

  test('15h: without its value an attribute fails after the enrollment, which stays', async () => {
    const learner = await addLearner(door.db)
    const enrollment_attributes = [
      { namespace: 'a', name: 'b', value: 'c' },
      { namespace: 'a', name: 'd' },
    ]
    const answer = await door
      .as(learner)
      .post({ ...details(course), enrollment_attributes, cohort: 'none', email_opt_in: true })
    const text = "'value' not in enrollment attribute"
    expect(answer).toMatchObject({ status: 400, json: { message: text, localizedMessage: text } })
    expect(await enrollmentInWords(door.db, learner.id, course)).toBe('active audit')
    expect(await attributesInWords(door.db, learner.id, course)).toEqual([])
    expect(await optIns(learner.id)).toEqual([])
  })

  test('15h comes after 16, 17 and 18', async () => {
    const enrollment_attributes = [{ namespace: 'a', name: 'd' }]
    const text = async (body: object) =>
      (await door.server.post({ user: bob.username, enrollment_attributes, ...body })).json.message
    expect(await text({ ...details(course), mode: 'masters' })).toMatch(/^The \[masters\] course mode/)
    expect(await text(details('some/fake/course'))).toMatch(/^No course/)
    expect(await text(details(closed))).toMatch(/^An error occurred/)
  })
})

describe('rows 19 to 21: what comes after', () => {
  test('19: the enrollment stays when the cohort is unknown, and nothing is opted into', async () => {
    const learner = await addLearner(door.db)
    const answer = await door.as(learner).post({ ...details(course), cohort: 'no such', email_opt_in: true })
    expect(answer).toMatchObject(message(400, 'An error occured while adding to cohort [no such]'))
    expect(await enrollmentInWords(door.db, learner.id, course)).toBe('active audit')
    expect(await optIns(learner.id)).toEqual([])
  })

  test('19: a cohort of the wrong type is noticed when it is read', async () => {
    const learner = await addLearner(door.db)
    const answer = await door.as(learner).post({ ...details(course), cohort: 7 })
    expect(answer).toMatchObject(message(400, 'cohort must be text.'))
    expect(await enrollmentInWords(door.db, learner.id, course)).toBe('active audit')
  })

  test('20: the cohort, again too, and another one', async () => {
    const learner = await addLearner(door.db)
    const cohorted = await addCourse(door.db)
    for (const cohort of ['one', 'two']) await addCohort(door.db, cohorted, cohort)
    for (const cohort of ['one', 'one', 'two']) {
      const body = { ...details(cohorted), user: learner.username, cohort }
      expect((await door.server.post(body)).status).toBe(200)
      expect(await cohortOf(door.db, learner.id, cohorted)).toBe(cohort)
      await door.server.post({ ...details(cohorted), user: learner.username, is_active: false })
    }
  })

  test('21: opted in is the caller, not the learner', async () => {
    const learner = await addLearner(door.db)
    const caller = await addLearner(door.db, { is_staff: true })
    await door.as(caller).post({ ...details(course), user: learner.username, email_opt_in: true })
    expect([await optIns(caller.id), await optIns(learner.id)]).toEqual([[['Test', 'True']], []])
  })

  test('21: nobody, where only a key called', async () => {
    const learner = await addLearner(door.db)
    const answer = await door.server.post({ ...details(course), user: learner.username, email_opt_in: true })
    expect(answer.status).toBe(200)
    expect(await optIns(learner.id)).toEqual([])
  })

  test.for([
    ['true', 'True'],
    ['false', 'False'],
    ['"yes"', 'yes'],
    ['1', '1'],
    ['""', ''],
    ['[true]', '[True]'],
  ] as const)('21: %s is kept as %s', async ([value, kept]) => {
    const learner = await addLearner(door.db)
    await door.as(learner).post(`{"course_details":{"course_id":"${course}"},"email_opt_in":${value}}`)
    expect(await optIns(learner.id)).toEqual([['Test', kept]])
  })
})

async function optIns(id: number): Promise<[string, string][]> {
  const rows = await door.db.selectFrom('email_optins').select(['org', 'value']).where('learner_id', '=', id).execute()
  return rows.map(({ org, value }) => [org, value])
}
