// slow: every combination of credentials
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sessionOf } from '../../../support/browser.ts'
import { BULK_ENROLL, openDoor, signToken, type Answered, type Door, type RestClient } from '../../../support/rest.ts'
import { addAllowance, addCourse, addLearner, addRole, type SeededLearner } from '../../../support/seed.ts'
import { addEnrollment } from '../../../support/world.ts'

// The matrix of rest-v1 §2.2, every cell, and four columns more for what a cell says of several ways in. The words:
// A, P, E: the 401A, 403P and 404E of the contract. D: the envelope of R4. I: user_not_active. M: the 403 for a mode.
// own, other: whose enrollment it is. A list names its course runs: X, staffed by the course staff, and Y.
const MATRIX = `
                    | anonymous | learner | inactive | courseStaff | staff    | key     | keyLearner | worker  | inactiveBearer | inactiveCookies | superuser | keyStaff
R1 own              | 401A      | own     | own      | own         | own      |         | own        | own     | own            | own             | own       | own
R1 other            | 401A      | 404E    | 404E     | 404E        | other    | other   | other      | 404E    | 404E           | 404E            | 404E      | other
R2                  | 401A      | own     | own      | own         | own      | empty   | own        | own     | own            | own             | own       | own
R3 GET own          | 401A      | [X]     | [X]      | [X]         | [X]      | []      | [X]        | [X]     | [X]            | [X]             | [X]       | [X]
R3 GET other        | 401A      | []      | []       | [X]         | [X Y]    | [X Y]   | [X Y]      | []      | []             | []              | []        | [X Y]
R3 POST self audit  | 401A      | own     | own      | own         | own      | 406     | own        | own     | own            | own             | own       | own
R3 POST self honor  | 401A      | own     | own      | own         | own      | 406     | own        | own     | own            | own             | own       | own
R3 POST self none   | 401A      | own     | own      | own         | own      | 406     | own        | own     | own            | own             | own       | own
R3 POST self verif. | 401A      | 403M    | 403M     | 403M        | own      | 406     | own        | 403M    | 403M           | 403M            | 403M      | own
R3 POST other       | 401A      | 404E    | 404E     | 404E        | other    | other   | other      | 404E    | 404E           | 404E            | 404E      | other
R4                  | 401D      | 403D    | 403D     | 403D        | 200      | 401D    | 403D       | 403D    | 403D           | 403D            | 403D      | 200
R5                  | 200       | 200     | 200      | 200         | 200      | 200     | 200        | 200     | 200            | 200             | 200       | 200
R6 enrolled         | 401A      | 403P    | 403P     | 403P        | 403P     | 401A    | 403P       | 200     | 403P           | 401A            | 200       | 403P
R6 not enrolled     | 401A      | 403P    | 403P     | 403P        | 403P     | 401A    | 403P       | 204     | 403P           | 401A            | 204       | 403P
R6 not retiring     | 401A      | 403P    | 403P     | 403P        | 403P     | 401A    | 403P       | 404     | 403P           | 401A            | 404       | 403P
R7                  | 401A      | 200     | 200      | 200         | 200      | 400     | 200        | 200     | 200            | 200             | 200       | 200
R8 GET              | 401A      | 403P    | 403P     | 403P        | []       | 401A    | 403P       | 403P    | 403P           | 401A            | 403P      | []
R8 POST             | 401A      | 403P    | 403P     | 403P        | 201      | 401A    | 403P       | 403P    | 403P           | 401A            | 403P      | 201
R8 DELETE           | 401A      | 403P    | 403P     | 403P        | 204      | 401A    | 403P       | 403P    | 403P           | 401A            | 403P      | 204
R9                  | 401A      | 403P    | 403P     | 403P        | 200      | 401A    | 403P       | 403P    | 401I           | 401A            | 403P      | 200
`

let door: Door
let worker: SeededLearner
beforeAll(async () => {
  door = await openDoor()
  worker = await addLearner(door.db, { username: 'retirement_service_worker' })
})
afterAll(() => door[Symbol.asyncDispose]())

test.for(cells(MATRIX))('$row, $column: $outcome', async ({ row, column, outcome }) => {
  const world = await makeWorld(column)
  const client = await columns[column]?.client(world.caller)
  const request = rows[row]
  if (client === undefined || request === undefined)
    throw new Error(`The matrix has an unknown name: ${row}, ${column}`)
  expect(inWords(await request(client, world), world)).toBe(outcome)
})

test('all cells are there', () => {
  const all = cells(MATRIX)
  expect(new Set(all.map(({ row }) => row))).toEqual(new Set(Object.keys(rows)))
  expect(new Set(all.map(({ column }) => column))).toEqual(new Set(Object.keys(columns)))
  // A key alone is nobody, who has no username to ask with.
  expect(all).toHaveLength(20 * 12 - 1)
})

interface World {
  readonly caller: SeededLearner
  /** Enrolled in both course runs. */
  readonly other: SeededLearner
  /** The caller is enrolled here. */
  readonly courseX: string
  readonly courseY: string
  /** Nobody is enrolled here. */
  readonly empty: string
}

/** Nothing of one cell is left for the next one. */
async function makeWorld(column: string): Promise<World> {
  const { db } = door
  const [courseX, courseY] = [await addCourse(db), await addCourse(db)]
  const empty = await addCourse(db, { modes: ['audit', 'honor', 'verified'] })
  const other = await addLearner(db)
  const caller = column === 'worker' ? worker : await addLearner(db, columns[column]?.account)
  if (column === 'courseStaff') await addRole(db, caller, 'staff', courseX)
  for (const course of [courseX, courseY]) await addEnrollment(db, other.id, course)
  await addEnrollment(db, caller.id, courseX)
  return { caller, other, courseX, courseY, empty }
}

interface Column {
  readonly account?: { is_active?: boolean; is_staff?: boolean; is_superuser?: boolean }
  readonly client: (caller: SeededLearner) => RestClient | Promise<RestClient>
}

const byToken = (caller: SeededLearner) => door.as(caller)
const byTokenAndKey = (caller: SeededLearner) => door.serverAs(caller)

const columns: Readonly<Record<string, Column>> = {
  anonymous: { client: () => door.anonymous },
  learner: { client: byToken },
  inactive: { account: { is_active: false }, client: byToken },
  inactiveBearer: {
    account: { is_active: false },
    client: async ({ username }) =>
      door.with({ authorization: `Bearer ${await signToken({ preferred_username: username })}` }),
  },
  inactiveCookies: { account: { is_active: false }, client: async (caller) => door.with(await sessionOf(caller)) },
  courseStaff: { client: byToken },
  staff: { account: { is_staff: true }, client: byToken },
  superuser: { account: { is_superuser: true }, client: byToken },
  key: { client: () => door.server },
  keyLearner: { client: byTokenAndKey },
  keyStaff: { account: { is_staff: true }, client: byTokenAndKey },
  worker: { client: byToken },
}

type Request = (client: RestClient, world: World) => Promise<Answered>

const rows: Readonly<Record<string, Request>> = {
  'R1 own': (client, { caller, courseX }) => client.get(`/enrollment/${caller.username},${courseX}`),
  'R1 other': (client, { other, courseX }) => client.get(`/enrollment/${other.username},${courseX}`),
  R2: (client, { courseX }) => client.get(`/enrollment/${courseX}`),
  'R3 GET own': (client) => client.get('/enrollment'),
  'R3 GET other': (client, { other }) => client.get(`/enrollment?user=${other.username}`),
  'R3 POST self audit': (client, { empty }) => client.post({ mode: 'audit', course_details: { course_id: empty } }),
  'R3 POST self honor': (client, { empty }) => client.post({ mode: 'honor', course_details: { course_id: empty } }),
  'R3 POST self none': (client, { empty }) => client.post({ course_details: { course_id: empty } }),
  'R3 POST self verif.': (client, { empty }) => client.post({ mode: 'verified', course_details: { course_id: empty } }),
  'R3 POST other': (client, { other, empty }) =>
    client.post({ user: other.username, course_details: { course_id: empty } }),
  R4: (client, { other }) => client.get(`/enrollments?username=${other.username}`),
  R5: (client, { courseX }) => client.get(`/course/${courseX}`),
  'R6 enrolled': async (client, { other }) => {
    await retire(other)
    return client.postTo('/unenroll/', { username: other.username })
  },
  'R6 not enrolled': async (client) => {
    const idle = await addLearner(door.db)
    await retire(idle)
    return client.postTo('/unenroll/', { username: idle.username })
  },
  'R6 not retiring': (client, { other }) => client.postTo('/unenroll/', { username: other.username }),
  R7: (client) => client.get('/roles/'),
  'R8 GET': (client) => client.get('/enrollment_allowed/'),
  'R8 POST': (client, { empty }) =>
    client.postTo('/enrollment_allowed/', { email: 'guest@example.com', course_id: empty }),
  'R8 DELETE': async (client, { empty }) => {
    await addAllowance(door.db, 'guest@example.com', empty)
    const body = JSON.stringify({ email: 'guest@example.com', course_id: empty })
    return client.send('DELETE', '/enrollment_allowed/', { headers: { 'content-type': 'application/json' }, body })
  },
  R9: (client, { other, empty }) =>
    client.postTo(BULK_ENROLL, { identifiers: other.username, courses: empty, action: 'enroll' }),
}

/** A line of the table for each cell that is not empty. */
function cells(matrix: string): { row: string; column: string; outcome: string }[] {
  const [head = [], ...lines] = matrix
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
  return lines
    .flatMap(([row = '', ...outcomes]) =>
      outcomes.map((outcome, index) => ({ row, column: head[index + 1] ?? '', outcome })),
    )
    .filter(({ outcome }) => outcome !== '')
}

async function retire({ id, username }: SeededLearner): Promise<void> {
  await door.db
    .insertInto('retirements')
    .values({ learner_id: id, original_username: username, state: 'PENDING' })
    .execute()
}

const NOT_PROVIDED = 'Authentication credentials were not provided.'
const NOT_PERMITTED = 'You do not have permission to perform this action.'

/** An answer in the words of the matrix; what fits none of them is shown whole. */
function inWords(answer: Answered, world: World): string {
  const { status, text, headers } = answer
  const whole = `${status} ${text}`
  const challenge = headers['www-authenticate'] === 'JWT realm="api"' ? ' with challenge' : ''
  const word = wordsOfRefusals(world).get(`${whole}${challenge}`)
  if (word !== undefined) return word
  if (text === '' && headers['content-type'] === undefined) return emptyAnswers.get(status) ?? whole
  if (status === 200) return contentInWords(answer.json, world)
  return status === 201 ? '201' : whole
}

const emptyAnswers: ReadonlyMap<number, string> = new Map([
  [200, 'empty'],
  [204, '204'],
  [404, '404E'],
])

function wordsOfRefusals({ caller }: World): ReadonlyMap<string, string> {
  const inactive = { error_code: 'user_not_active', developer_message: `User inactive or deleted: ${caller.username}` }
  return new Map([
    [`401 {"detail":"${NOT_PROVIDED}"} with challenge`, '401A'],
    [`401 {"developer_message":"${NOT_PROVIDED}"}`, '401D'],
    [`401 ${JSON.stringify(inactive)} with challenge`, '401I'],
    [`403 {"detail":"${NOT_PERMITTED}"}`, '403P'],
    [`403 {"developer_message":"${NOT_PERMITTED}"}`, '403D'],
    ['403 {"message":"User does not have permission to create enrollment with mode [verified]."}', '403M'],
    ['404 "No retirement request status for username."', '404'],
    ['406 {"message":"The user  does not exist."}', '406'],
    [`400 {"message":"An error occurred while retrieving roles for user '"}`, '400'],
  ])
}

/** The whole of what a successful answer holds, as far as the matrix says something about it. */
function contentInWords(json: unknown, { caller, other, courseX, courseY }: World): string {
  const names = new Map<unknown, string>([
    [caller.username, 'own'],
    [other.username, 'other'],
    [courseX, 'X'],
    [courseY, 'Y'],
  ])
  if (Array.isArray(json)) {
    const courses = json.map((item) => names.get(item?.course_details?.course_id))
    // Other arrays, and the runs of cells before, are none of these.
    const known = courses.filter((name) => name !== undefined).toSorted()
    return json.length > 0 && json.every((item) => typeof item !== 'object') ? '200' : `[${known.join(' ')}]`
  }
  return (typeof json === 'object' && json !== null && 'user' in json && names.get(json.user)) || '200'
}
