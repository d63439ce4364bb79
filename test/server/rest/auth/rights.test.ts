import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDoor, type Answered, type Door, type RestClient } from '../../../support/rest.ts'
import { addCourse, addLearner, addRole, type SeededLearner } from '../../../support/seed.ts'
import { addEnrollment } from '../../../support/world.ts'

let door: Door
let course: string
let secondCourse: string
/** Enrolled in both courses. */
let other: SeededLearner
const people = {} as Record<'learner' | 'inactive' | 'courseStaff' | 'staff' | 'superuser' | 'worker', SeededLearner>
let clients: Record<string, RestClient>

beforeAll(async () => {
  door = await openDoor()
  const { db } = door
  ;[course, secondCourse] = [await addCourse(db), await addCourse(db)]
  other = await addLearner(db)
  for (const each of [course, secondCourse]) await addEnrollment(db, other.id, each)
  people.learner = await addLearner(db)
  people.inactive = await addLearner(db, { is_active: false })
  people.courseStaff = await addLearner(db)
  people.staff = await addLearner(db, { is_staff: true })
  people.superuser = await addLearner(db, { is_superuser: true })
  people.worker = await addLearner(db, { username: 'retirement_service_worker' })
  for (const person of [people.courseStaff, people.inactive]) await addRole(db, person, 'staff', course)
  clients = {
    anonymous: door.anonymous,
    learner: door.as(people.learner),
    'inactive learner': door.as(people.inactive),
    'course staff': door.as(people.courseStaff),
    'global staff': door.as(people.staff),
    superuser: door.as(people.superuser),
    'API key, no user': door.server,
    'API key + user': door.serverAs(people.learner),
    'retirement worker': door.as(people.worker),
  }
})
afterAll(() => door[Symbol.asyncDispose]())

const columns = [
  'anonymous',
  'learner',
  'inactive learner',
  'course staff',
  'global staff',
  'superuser',
  'API key, no user',
  'API key + user',
  'retirement worker',
] as const

type Ask = (client: RestClient, column: (typeof columns)[number]) => Promise<Answered>

const inCourse = (more: object = {}) => ({ course_details: { course_id: course }, ...more })
/** A name that the column has not used, so that each cell starts without an enrollment. */
const freshTarget = async () => (await addLearner(door.db)).username
const own: Record<string, () => string> = {
  learner: () => people.learner.username,
  'inactive learner': () => people.inactive.username,
  'course staff': () => people.courseStaff.username,
  'global staff': () => people.staff.username,
  superuser: () => people.superuser.username,
  'API key + user': () => people.learner.username,
  'retirement worker': () => people.worker.username,
}
const ownName = (column: string) => own[column]?.() ?? 'nobody'

/** The rows of rest-v1 §2.2 for R1, R2, R3 and R5; a superuser is here what a learner is. */
const matrix: [row: string, ask: Ask, cells: string[]][] = [
  [
    'R1 own',
    (client, column) => client.get(`/enrollment/${ownName(column)},${course}`),
    ['401A', '200', '200', '200', '200', '200', '200', '200', '200'],
  ],
  [
    'R1 other',
    (client) => client.get(`/enrollment/${other.username},${course}`),
    ['401A', '404E', '404E', '404E', '200 row', '404E', '200 row', '200 row', '404E'],
  ],
  [
    'R1 unknown user',
    (client) => client.get(`/enrollment/nobody-at-all,${course}`),
    ['401A', '404E', '404E', '404E', '200 empty', '404E', '200 empty', '200 empty', '404E'],
  ],
  [
    'R2',
    (client) => client.get(`/enrollment/${secondCourse}`),
    ['401A', '200 empty', '200 empty', '200 empty', '200 empty', '200 empty', '200 empty', '200 empty', '200 empty'],
  ],
  [
    'R3 GET own',
    (client) => client.get('/enrollment'),
    ['401A', '200', '200', '200', '200', '200', '200 []', '200', '200'],
  ],
  [
    'R3 GET ?user=other',
    (client) => client.get(`/enrollment?user=${other.username}`),
    ['401A', '200 []', '200 []', '200 one', '200 two', '200 []', '200 two', '200 two', '200 []'],
  ],
  [
    'R3 GET ?user=unknown',
    (client) => client.get('/enrollment?user=nobody-at-all'),
    ['401A', '200 []', '200 []', '200 []', '200 []', '200 []', '200 []', '200 []', '200 []'],
  ],
  [
    'R3 GET ?user=',
    (client) => client.get('/enrollment?user='),
    ['401A', '200 []', '200 []', '200 []', '200 []', '200 []', '200 []', '200 []', '200 []'],
  ],
  [
    'R3 POST self, other mode',
    (client) => client.post(inCourse({ mode: 'verified' })),
    ['401A', '403 mode', '403 mode', '403 mode', '200 row', '403 mode', '406', '200 row', '403 mode'],
  ],
  [
    'R3 POST self, no mode',
    (client) => client.post(inCourse()),
    ['401A', '200 row', '200 row', '200 row', '200 row', '200 row', '406', '200 row', '200 row'],
  ],
  [
    'R3 POST other user',
    async (client) => client.post(inCourse({ user: await freshTarget() })),
    ['401A', '404E', '404E', '404E', '200 row', '404E', '200 row', '200 row', '404E'],
  ],
  [
    'R3 POST unknown user',
    (client) => client.post(inCourse({ user: 'nobody-at-all' })),
    ['401A', '404E', '404E', '404E', '406', '404E', '406', '406', '404E'],
  ],
  ['R5', (client) => client.get(`/course/${course}`), ['200', '200', '200', '200', '200', '200', '200', '200', '200']],
]

describe.for(matrix)('%s', ([, ask, cells]) => {
  test.for(columns.map((column, index) => [column, cells[index] ?? ''] as const))('%s: %s', async ([column, cell]) => {
    const client = clients[column]
    if (client === undefined) throw new Error(`No client for ${column}`)
    expect(inWords(await ask(client, column))).toMatch(new RegExp(`^${RegExp.escape(cell)}`))
  })
})

function inWords({ status, text, json, headers }: Answered): string {
  if (status === 401 && text === '{"detail":"Authentication credentials were not provided."}') return '401A'
  if (status === 404 && text === '' && headers['content-type'] === undefined) return '404E'
  if (status === 403 && /with mode \[verified\]/.test(text)) return '403 mode'
  if (status !== 200) return String(status)
  if (text === '') return '200 empty'
  if (Array.isArray(json)) return `200 ${['[]', 'one', 'two'][json.length]}`
  return 'created' in json ? '200 row' : '200'
}
