import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDoor, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner, addRole } from '../../../support/seed.ts'

let door: Door
let first: string
let second: string

beforeAll(async () => {
  door = await openDoor({ env: { RATE_LIMITS: 'off' } })
  first = await addCourse(door.db)
  second = await addCourse(door.db)
})
afterAll(() => door[Symbol.asyncDispose]())

describe('examples 101 to 107 (rest-v1 §5.5)', () => {
  test('101: an anonymous caller', async () => {
    const text = '{"detail":"Authentication credentials were not provided."}'
    expect(await door.anonymous.get('/roles/')).toMatchObject({ status: 401, text })
  })

  test('102: no roles', async () => {
    const learner = door.as(await addLearner(door.db))
    expect(await learner.get('/roles/')).toMatchObject({ status: 200, text: '{"roles":[],"is_staff":false}' })
  })

  test.for([
    [104, false],
    [105, true],
  ] as const)('%i: staff of one course, then of two; is_staff %s', async ([, isStaff]) => {
    const learner = await addLearner(door.db, { is_staff: isStaff })
    const roles = []
    for (const course_id of [first, second]) {
      await addRole(door.db, learner, 'staff', course_id)
      roles.push({ org: 'Test', course_id, role: 'staff' })
      const { text } = await door.as(learner).get('/roles/')
      expect(text).toBe(JSON.stringify({ roles, is_staff: isStaff }))
    }
  })

  test('107: the look-up fails', async () => {
    await using broken = await openDoor()
    const learner = await addLearner(broken.db)
    await sql`alter table roles rename to roles_that_are_gone`.execute(broken.db)
    const words = `An error occurred while retrieving roles for user '${learner.username}`
    expect(await broken.as(learner).get('/roles/')).toMatchObject({
      status: 400,
      text: JSON.stringify({ message: words }),
    })
    expect(broken.log).toContain('roles not read')
  })
})

describe('the course (rest-v1 §3.6)', () => {
  test.for([
    ['exactly the course', () => ({ course_id: first }), ['staff']],
    ['a course in which the caller is nobody', () => ({ course_id: 'course-v1:no+such+course' }), []],
    ['no course key at all', () => ({ course_id: 'x' }), []],
    ['another case', () => ({ course_id: first.toUpperCase() }), []],
    ['empty: none in particular', () => ({ course_id: '' }), ['staff', 'SuperCoolTestRole', 'instructor']],
    ['the text of no course', () => ({ course_id: 'None' }), ['instructor']],
    ['nothing', () => ({}), ['staff', 'SuperCoolTestRole', 'instructor']],
  ] as const)('%s', async ([, query, roles]) => {
    const learner = await addLearner(door.db)
    await addRole(door.db, learner, 'staff', first)
    await addRole(door.db, learner, 'SuperCoolTestRole', second)
    await addRole(door.db, learner, 'instructor', null)
    const parameters = new URLSearchParams(query()).toString()
    const { json } = await door.as(learner).get(`/roles/?${parameters}`)
    expect(json.roles.map(({ role }: { role: string }) => role)).toEqual(roles)
    const ofOrganisation = json.roles.filter(({ role }: { role: string }) => role === 'instructor')
    for (const { course_id, org } of ofOrganisation) expect([course_id, org]).toEqual(['None', 'Test'])
  })

  test('a plus sign that is not encoded is a space, which matches nothing', async () => {
    const learner = await addLearner(door.db)
    await addRole(door.db, learner, 'staff', first)
    expect((await door.as(learner).get(`/roles/?course_id=${first}`)).json.roles).toEqual([])
  })
})

describe('who asks', () => {
  test('an API key alone is nobody', async () => {
    const words = "An error occurred while retrieving roles for user '"
    expect(await door.server.get('/roles/')).toMatchObject({ status: 400, text: JSON.stringify({ message: words }) })
  })

  test('roles are the caller’s own, also beside an API key', async () => {
    const [learner, other] = [await addLearner(door.db), await addLearner(door.db)]
    await addRole(door.db, other, 'staff', first)
    expect((await door.serverAs(learner).get(`/roles/?user=${other.username}`)).json.roles).toEqual([])
  })

  test('the token may say that somebody is staff', async () => {
    const learner = await addLearner(door.db)
    const { json } = await door.as(learner, { administrator: true }).get('/roles/')
    expect(json).toEqual({ roles: [], is_staff: true })
  })
})
