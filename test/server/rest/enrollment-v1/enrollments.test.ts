import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BASE, openDoor, type Answered, type Door, type RestClient } from '../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'
import { addEnrollment } from '../../../support/world.ts'

const FIRST = 'course-v1:e+d+X'
const SECOND = 'course-v1:x+y+Z'
const CREATED = '2018-01-01T00:00:01Z'

const NAMES_CAN = 'Usernames can only contain letters (A-Z, a-z), numerals (0-9), underscores (_), and hyphens (-).'

const ALL = ['staff x', 'student2 x', 'student3 x', 'student2 e', 'student1 e']

let door: Door
let staff: RestClient
let staffAccount: SeededLearner
let student: SeededLearner

beforeAll(async () => {
  door = await openDoor({ env: { RATE_LIMITS: 'off' } })
  const { db } = door
  for (const course_key of [FIRST, SECOND]) await addCourse(db, { course_key })
  const named = async (username: string, columns = {}) =>
    addLearner(db, { username, email: `${username}@example.com`, ...columns })
  student = await named('student1')
  const [two, three] = [await named('student2'), await named('student3')]
  staffAccount = await named('staff', { is_staff: true })
  staff = door.as(staffAccount)
  const rows = [
    [student, FIRST, 'honor'],
    [two, FIRST, 'honor'],
    [three, SECOND, 'verified'],
    [two, SECOND, 'honor'],
    [staffAccount, SECOND, 'verified'],
  ] as const
  for (const [{ id }, course, mode] of rows) await addEnrollment(db, id, course, { mode, created: CREATED })
})
afterAll(() => door[Symbol.asyncDispose]())

describe('examples 108 to 130 (rest-v1 §5.6)', () => {
  test('108: an anonymous caller', async () => {
    const answer = await door.anonymous.get('/enrollments')
    const words = 'Authentication credentials were not provided.'
    expect(answer).toMatchObject({ status: 401, text: JSON.stringify({ developer_message: words }) })
    expect(answer.headers).not.toHaveProperty('www-authenticate')
  })

  test.for([
    [110, { course_id: '1' }, { course_id: "'1' is not a valid course id." }],
    [112, { username: '1*2' }, { username: NAMES_CAN }],
    [113, { username: '1*2', course_id: 'org.0/course_0/Run_0' }, { username: NAMES_CAN }],
    [115, { username: commas(101) }, { username: tooMany('usernames', 101) }],
  ] as const)('%i: %o is wrong', async ([, query, errors]) => {
    const answer = await ask(query)
    expect(answer.status).toBe(400)
    expect(answer.json).toEqual(fieldErrors(errors))
  })

  test.for([
    [116, { username: 'nobody' }, []],
    [118, { course_id: 'a/b/c' }, []],
    [119, { course_id: 'a/b/c', username: 'student1' }, []],
    [120, { course_id: 'a/b/c', username: 'dummy' }, []],
    [121, { course_id: FIRST }, ['student2 e', 'student1 e']],
    [123, { course_id: FIRST, username: 'student2,student3' }, ['student2 e']],
    ['123, the other course', { course_id: SECOND, username: 'student2,student3' }, ['student2 x', 'student3 x']],
    [125, { username: 'student2,staff' }, ['staff x', 'student2 x', 'student2 e']],
    [127, { email: 'student2@example.com,staff@example.com' }, ['staff x', 'student2 x', 'student2 e']],
    [129, {}, ALL],
    [130, { course_ids: `${FIRST},x+y+Z` }, ALL],
  ] as const)('%s: %o', async ([, query, found]) => {
    expect(inWords(await ask(query))).toEqual(found)
  })

  test('a row holds exactly this', async () => {
    const answer = await ask({ username: 'student1' })
    const row = { created: CREATED, mode: 'honor', is_active: true, user: 'student1', course_id: FIRST }
    expect(answer.text).toBe(JSON.stringify({ next: null, previous: null, results: [row] }))
  })
})

describe('the parameters (rest-v1 §3.7)', () => {
  test.for([
    ['usernames', { username: commas(101) }, 'username'],
    ['emails', { email: commas(101) }, 'email'],
    ['course_ids', { course_ids: commas(101) }, 'course_ids'],
  ] as const)('at most 100 %s', async ([plural, query, field]) => {
    const answer = await ask(query)
    expect(answer).toMatchObject({ status: 400, json: fieldErrors({ [field]: tooMany(plural, 101) }) })
    const hundred = await ask({ [field]: commas(100) })
    expect(hundred).toMatchObject({ status: 200, json: { results: [] } })
  })

  test('each bad field is told, the first error of each', async () => {
    const answer = await ask({
      username: `${commas(101)},!`,
      course_id: 'x',
      course_ids: commas(102),
      email: commas(103),
    })
    expect(answer.text).toBe(
      JSON.stringify(
        fieldErrors({
          username: tooMany('usernames', 102),
          course_id: "'x' is not a valid course id.",
          course_ids: tooMany('course_ids', 102),
          email: tooMany('emails', 103),
        }),
      ),
    )
  })

  test.for(['student1, student2', 'student1,', ',', 'a.b', 'a@b', 'josé', 'a b', "a'b"])(
    'username=%s is refused',
    async (username) => {
      expect(await ask({ username })).toMatchObject({ status: 400, json: fieldErrors({ username: NAMES_CAN }) })
    },
  )

  test.for([
    [{ username: '  student1 ' }, ['student1 e']],
    [{ username: '   ' }, ALL],
    [{ username: '' }, ALL],
    [{ username: 'STUDENT1' }, []],
    [{ email: ' STUDENT1@example.com ' }, ['student1 e']],
    [{ email: 'x@example.com, student1@example.com' }, []],
    [{ email: 'no address at all' }, []],
    [{ course_id: ` ${FIRST} ` }, ['student2 e', 'student1 e']],
    [{ course_id: FIRST.toUpperCase().replace('COURSE-V1', 'course-v1') }, []],
    [{ course_ids: 'D+x' }, ['student2 e', 'student1 e']],
    [{ course_ids: 'nothing,' }, ALL],
    [{ course_ids: '%' }, []],
    [{ course_ids: 'd_X' }, []],
    [{ course_ids: '\\' }, []],
    [{ course_ids: "'; drop table learners; --" }, []],
    [{ page: '2', page_size: '1', unknown: 'x' }, ALL],
    [{ cursor: '' }, ALL],
  ] as const)('%o', async ([query, found]) => {
    expect(inWords(await ask(query))).toEqual(found)
  })

  test.for(['garbage', 'cD0yMDE4', 'n', '%00', 'bmV4dA==', 'n!'.repeat(200)])('cursor=%s is none', async (cursor) => {
    const answer = await staff.get(`/enrollments?cursor=${cursor}`)
    const isUnstorable = cursor === '%00'
    expect(answer.status).toBe(isUnstorable ? 400 : 404)
    if (!isUnstorable) expect(answer.text).toBe('{"developer_message":"Invalid cursor"}')
  })

  test('a bad field comes before a bad cursor', async () => {
    expect(await ask({ cursor: 'garbage', course_id: '1' })).toMatchObject({ status: 400 })
  })

  test('NUL comes before everything (D10)', async () => {
    expect(await staff.get('/enrollments?username=a%00b&course_id=1')).toMatchObject({
      status: 400,
      json: { message: expect.stringContaining('username') },
    })
  })

  test('the slash at the end may be there or not', async () => {
    expect((await staff.get('/enrollments/')).text).toBe((await staff.get('/enrollments')).text)
  })

  test('inactive enrollments are among them, newest first', async () => {
    const late = await addLearner(door.db)
    await addEnrollment(door.db, late.id, SECOND, { is_active: false, created: '2019-05-05T00:00:00.12Z' })
    const answer = await ask({ course_id: SECOND })
    expect(answer.json.results[0]).toMatchObject({ is_active: false, created: '2019-05-05T00:00:00.120000Z' })
  })
})

describe('its own envelope', () => {
  test.for([
    ['PUT', {}, 405, 'Method "PUT" not allowed.'],
    ['GET', { accept: 'text/html' }, 406, 'Could not satisfy the request Accept header.'],
    ['GET', { authorization: 'JWT nonsense' }, 401, 'Invalid token.'],
    ['GET', { authorization: 'Bearer a b' }, 401, 'Invalid token header. Token string should not contain spaces.'],
  ] as const)('%s with %o: %i', async ([method, headers, status, words]) => {
    const answer = await staff.send(method, '/enrollments', { headers })
    expect(answer).toMatchObject({ status, text: JSON.stringify({ developer_message: words }) })
    expect(answer.headers).not.toHaveProperty('www-authenticate')
    expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS')
  })

  test('no permission', async () => {
    const answer = await door.as(student).get('/enrollments')
    const words = 'You do not have permission to perform this action.'
    expect(answer).toMatchObject({ status: 403, text: JSON.stringify({ developer_message: words }) })
  })
})

describe('a walk over 10 000 enrollments of one instant', () => {
  const WALKED = 'course-v1:walk+w+1'

  beforeAll(async () => {
    await addCourse(door.db, { course_key: WALKED })
    await sql`insert into learners (username) select 'walker-' || n from generate_series(1, 10000) n`.execute(door.db)
    await sql`insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
      select l.id, c.id, true, 'audit', ${CREATED}::timestamptz, now() from learners l, courses c
      where l.username like 'walker-%' and c.course_key = ${WALKED}`.execute(door.db)
  })

  test('meets each once on the way there, and the same pages on the way back', async () => {
    const query = new URLSearchParams({ course_id: WALKED, page_size: '7' }).toString()
    const there = await walk(`${BASE}/enrollments?${query}`, 'next')
    expect(there).toHaveLength(100)
    expect(new Set(there.flat()).size).toBe(10_000)
    const last = await lastPage(query)
    const back = await walk(last, 'previous')
    expect(back.toReversed()).toEqual(there)
  })

  test('its links keep the other parameters and are absolute', async () => {
    const query = 'email=&course_id=course-v1:walk%2Bw%2B1&page_size=7&note=a%20b%26c'
    const answer = await staff.get(`/enrollments/?${query}`, { host: 'enroll.example:8080' })
    const next = new URL(answer.json.next)
    expect(next.origin + next.pathname).toBe(`http://enroll.example:8080${BASE}/enrollments/`)
    const { cursor, ...others } = Object.fromEntries(next.searchParams)
    expect(others).toEqual({ course_id: WALKED, email: '', note: 'a b&c', page_size: '7' })
    expect(cursor).toMatch(/^[\w-]+$/)
    const second = await staff.get(next.pathname + next.search)
    const previous = new URL(second.json.previous)
    expect(previous.searchParams.get('note')).toBe('a b&c')
    expect(previous.searchParams.getAll('cursor')).toHaveLength(1)
  })

  async function walk(start: string, direction: 'next' | 'previous'): Promise<string[][]> {
    const pages: string[][] = []
    for (let address: string | null = start; address !== null;) {
      const { json } = await staff.get(address)
      pages.push(json.results.map((row: { user: string }) => row.user))
      if (pages.length > 150) throw new Error('The walk goes in circles')
      const link: string | null = json[direction]
      address = link === null ? null : link.replace('http://localhost:80', '')
    }
    return pages
  }

  async function lastPage(query: string): Promise<string> {
    let address = `${BASE}/enrollments?${query}`
    for (;;) {
      const { json } = await staff.get(address)
      if (json.next === null) return address
      address = json.next.replace('http://localhost:80', '')
    }
  }
})

function tooMany(plural: string, count: number): string {
  return `Too many ${plural} in a single request - ${count}. A maximum of 100 is allowed`
}

function commas(count: number): string {
  return Array.from({ length: count }, (_, n) => `u${n}`).join(',')
}

function fieldErrors(errors: Record<string, string>): object {
  return {
    field_errors: Object.fromEntries(
      Object.entries(errors).map(([field, words]) => [field, { developer_message: words }]),
    ),
  }
}

function ask(query: Record<string, string>): Promise<Answered> {
  return staff.get(`/enrollments?${new URLSearchParams(query).toString()}`)
}

/** e.g. `student1 e`: the user and the organisation of the course. */
function inWords({ json }: Answered): string[] {
  return json.results.map(
    ({ user, course_id }: { user: string; course_id: string }) => `${user} ${course_id.charAt(10)}`,
  )
}
