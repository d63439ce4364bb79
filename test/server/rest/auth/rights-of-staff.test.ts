import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  BULK_ENROLL,
  KEY,
  openDoor,
  signToken,
  type Answered,
  type Door,
  type RestClient,
} from '../../../support/rest.ts'
import { addLearner, addRole } from '../../../support/seed.ts'

let door: Door
const clients = new Map<string, RestClient>()

const COLUMNS = [
  'anonymous',
  'learner',
  'inactive learner',
  'course staff',
  'global staff',
  'superuser',
  'API key, no user',
  'API key + user',
  'API key + staff',
  'retirement worker',
  'inactive staff',
] as const

beforeAll(async () => {
  door = await openDoor({ env: { RATE_LIMITS: 'off' } })
  const { db } = door
  const learner = await addLearner(db)
  const courseStaff = await addLearner(db)
  const staff = await addLearner(db, { is_staff: true })
  await addRole(db, courseStaff, 'staff', 'course-v1:Test+c+r')
  const all: Record<(typeof COLUMNS)[number], RestClient> = {
    anonymous: door.anonymous,
    learner: door.as(learner),
    'inactive learner': door.as(await addLearner(db, { is_active: false })),
    'course staff': door.as(courseStaff),
    'global staff': door.as(staff),
    superuser: door.as(await addLearner(db, { is_superuser: true })),
    'API key, no user': door.server,
    'API key + user': door.serverAs(learner),
    'API key + staff': door.serverAs(staff),
    'retirement worker': door.as(await addLearner(db, { username: 'retirement_service_worker' })),
    'inactive staff': door.as(await addLearner(db, { is_active: false, is_staff: true })),
  }
  for (const [column, client] of Object.entries(all)) clients.set(column, client)
})
afterAll(() => door[Symbol.asyncDispose]())

/** The rows of rest-v1 §2.2 for R4 and R6 to R9. A cell that lets in shows what the handler says to an empty request. */
const matrix: [row: string, ask: (client: RestClient) => Promise<Answered>, cells: string[]][] = [
  [
    'R4',
    (client) => client.get('/enrollments'),
    ['401D', '403D', '403D', '403D', '200', '403D', '401D', '403D', '200', '403D', '200'],
  ],
  [
    'R6',
    (client) => client.postTo('/unenroll/', {}),
    ['401A', '403P', '403P', '403P', '403P', '404', '401A', '403P', '403P', '404', '403P'],
  ],
  [
    'R7',
    (client) => client.get('/roles/'),
    ['401A', '200', '200', '200', '200', '200', '400', '200', '200', '200', '200'],
  ],
  [
    'R8 GET',
    (client) => client.get('/enrollment_allowed/'),
    ['401A', '403P', '403P', '403P', '200', '403P', '401A', '403P', '200', '403P', '200'],
  ],
  [
    'R8 POST',
    (client) => client.postTo('/enrollment_allowed/', {}),
    ['401A', '403P', '403P', '403P', '400', '403P', '401A', '403P', '400', '403P', '400'],
  ],
  [
    'R8 DELETE',
    (client) => client.send('DELETE', '/enrollment_allowed/'),
    ['401A', '403P', '403P', '403P', '400', '403P', '401A', '403P', '400', '403P', '400'],
  ],
  [
    'R9',
    (client) => client.postTo(BULK_ENROLL, {}),
    ['401A', '403P', '403P', '403P', '400', '403P', '401A', '403P', '400', '403P', '400'],
  ],
]

describe.for(matrix)('%s', ([, ask, cells]) => {
  test.for(COLUMNS.map((column, index) => [column, cells[index]] as const))('%s: %s', async ([column, cell]) => {
    const client = clients.get(column)
    if (client === undefined) throw new Error(`No client for ${column}`)
    expect(inWords(await ask(client))).toBe(cell)
  })
})

describe('R9 and the bearer of a token whose account is not active', () => {
  test.for([true, false])('is refused, staff or not (%s)', async (is_staff) => {
    const { username } = await addLearner(door.db, { is_active: false, is_staff })
    const token = await signToken({ preferred_username: username })
    const answer = await door.with({ authorization: `Bearer ${token}` }).postTo(BULK_ENROLL, {})
    const words = `User inactive or deleted: ${username}`
    const text = JSON.stringify({ error_code: 'user_not_active', developer_message: words })
    expect(answer).toMatchObject({ status: 401, text })
    expect(answer.headers['www-authenticate']).toBe('JWT realm="api"')
  })

  test('is not refused elsewhere', async () => {
    const { username } = await addLearner(door.db, { is_active: false })
    const token = await signToken({ preferred_username: username })
    expect(await door.with({ authorization: `Bearer ${token}` }).get('/roles/')).toMatchObject({ status: 200 })
  })

  test('is let in when active', async () => {
    const { username } = await addLearner(door.db, { is_staff: true })
    const token = await signToken({ preferred_username: username })
    const answer = await door.with({ authorization: `Bearer ${token}` }).postTo(BULK_ENROLL, {})
    expect(answer).toMatchObject({ status: 400 })
  })
})

describe('of two faults the earlier one is told (rest-v1 §2.1)', () => {
  const malformed = { headers: { 'content-type': 'application/json' }, body: '{' }

  test.for([
    ['the slash before everything', 'anonymous', 'PUT', '/roles', { headers: { accept: 'text/html' } }, 301],
    ['the path before the token', 'anonymous', 'POST', '/unenroll//', { headers: { authorization: 'JWT x' } }, 404],
    ['Accept before the token', 'anonymous', 'POST', '/unenroll/', { headers: { accept: 'text/html' } }, 406],
    ['the token before the permission', 'learner', 'POST', '/unenroll/', { headers: { authorization: 'JWT x' } }, 401],
    ['the permission before the method', 'learner', 'PUT', '/unenroll/', {}, 403],
    ['the permission before the method', 'anonymous', 'PUT', '/enrollment_allowed/', {}, 401],
    ['the permission before the body', 'learner', 'POST', '/enrollment_allowed/', malformed, 403],
    ['the method before the body', 'global staff', 'PUT', '/enrollment_allowed/', malformed, 405],
    ['the body before its fields', 'global staff', 'POST', '/enrollment_allowed/', malformed, 400],
    ['the permission before the query', 'learner', 'GET', '/enrollments?course_id=1', {}, 403],
    ['the method before the query', 'global staff', 'POST', '/enrollments?course_id=1', {}, 405],
    ['the permission before the body', 'learner', 'POST', BULK_ENROLL, malformed, 403],
  ] as const)('%s: %s, %s %s', async ([, column, method, path, options, status]) => {
    const answer = await clients.get(column)?.send(method, path, options)
    expect(answer?.status).toBe(status)
  })

  test('a bad token beats a good key', async () => {
    const answer = await door.with({ ...KEY, authorization: 'JWT x' }).get('/enrollments')
    expect(answer).toMatchObject({ status: 401, text: '{"developer_message":"Invalid token."}' })
  })
})

function inWords({ status, text, headers }: Answered): string {
  const challenge = headers['www-authenticate']
  const unauthenticated = 'Authentication credentials were not provided.'
  const forbidden = 'You do not have permission to perform this action.'
  if (status === 401 && text === JSON.stringify({ detail: unauthenticated }) && challenge === 'JWT realm="api"')
    return '401A'
  if (status === 401 && text === JSON.stringify({ developer_message: unauthenticated }) && !challenge) return '401D'
  if (status === 403 && text === JSON.stringify({ detail: forbidden })) return '403P'
  if (status === 403 && text === JSON.stringify({ developer_message: forbidden })) return '403D'
  return String(status)
}
