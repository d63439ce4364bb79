import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Environment } from '../../../../server/config.ts'
import { openDoor, signToken, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner, addRole, type SeededLearner } from '../../../support/seed.ts'
import { buildTestApp, openTestServer } from '../../../support/server.ts'
import { enrollmentInWords } from '../../../support/world.ts'

// Countries are those of the DB-IP Lite file of the development dependencies.
const IRAN = '5.160.0.1'
const NORTH_KOREA = '175.45.176.1'
const UNITED_STATES = '8.8.8.8'
const POLAND_V6 = '2a00:1450::1'

// Requests reach the door from 127.0.0.1, which is believed.
const ON = { EMBARGO: 'on', TRUST_PROXY: '127.0.0.1' }

let door: Door
let bob: SeededLearner
let staff: SeededLearner
beforeAll(async () => {
  door = await openDoor({ env: ON })
  // Before the first request: a rule that is made later is in force only after a moment.
  for (const lists of RULES) courses.set(JSON.stringify(lists), await restricted(lists, door))
  staff = await addLearner(door.db, { is_staff: true })
})
beforeEach(async () => void (bob = await addLearner(door.db)))
afterAll(() => door[Symbol.asyncDispose]())

interface Lists {
  readonly whitelist?: string[]
  readonly blacklist?: string[]
  readonly message_key?: string
}

const BLACKLIST = { blacklist: ['IR', 'KP'] }
const RULES: readonly Lists[] = [
  {},
  BLACKLIST,
  { blacklist: ['US'] },
  { blacklist: ['PL'] },
  { blacklist: ['US', 'IR'] },
  { whitelist: ['PL'] },
  { whitelist: ['US'] },
  { whitelist: ['US', 'CA'] },
  { whitelist: ['US', 'IR'], blacklist: ['IR'] },
  { ...BLACKLIST, message_key: 'embargo' },
  { ...BLACKLIST, message_key: 'two words/ä' },
]
const courses = new Map<string, string>()

/** A course run that the door has restricted from the beginning. */
function under(lists: Lists): string {
  const key = courses.get(JSON.stringify(lists))
  if (key === undefined) throw new Error(`There is no course with the rule ${JSON.stringify(lists)}`)
  return key
}

describe('examples 88 to 91 (rest-v1 §5.3)', () => {
  test('88: from a blocked address', async () => {
    const id = under(BLACKLIST)
    expect(await door.as(bob).post(asked(id), from(IRAN))).toMatchObject({
      status: 403,
      text: `{"message":"Users from this location cannot access the course '${id}'.","user_message_url":"http://localhost:80/embargo/blocked-message/enrollment/default/"}`,
      headers: { 'content-type': 'application/json' },
    })
    expect(await door.as(bob).get('/enrollment')).toMatchObject({ status: 200, json: [] })
  })

  test('a blocked country in the profile', async () => {
    const learner = await addLearner(door.db, { country: 'IR' })
    const id = under(BLACKLIST)
    expect((await door.as(learner).post(asked(id), from(UNITED_STATES))).status).toBe(403)
    expect(await enrollmentInWords(door.db, learner.id, id)).toBeNull()
  })

  test('90: another country in the profile than those of the blacklist', async () => {
    const learner = await addLearner(door.db, { country: 'CA' })
    expect((await door.as(learner).post(asked(under({ blacklist: ['US'] })))).status).toBe(200)
  })

  test('91: a course without restrictions', async () => {
    const learner = await addLearner(door.db, { country: 'IR' })
    expect((await door.as(learner).post(asked(await addCourse(door.db)), from(IRAN))).status).toBe(200)
    expect((await door.as(learner).get('/enrollment')).json).toHaveLength(1)
  })

  test('the setting is off', async () => {
    await using free = await openDoor({ env: { TRUST_PROXY: '127.0.0.1' } })
    const learner = await addLearner(free.db, { country: 'IR' })
    const id = await restricted(BLACKLIST, free)
    expect((await free.as(learner).post(asked(id), from(IRAN))).status).toBe(200)
  })
})

describe('which countries (rest-v1 §1.14)', () => {
  test.each<[lists: Lists, addresses: string, country: string | null, status: number]>([
    [BLACKLIST, NORTH_KOREA, null, 403],
    [BLACKLIST, UNITED_STATES, 'CA', 200],
    [BLACKLIST, `::ffff:${IRAN}`, null, 403],
    [BLACKLIST, `${IRAN}:4431`, null, 403],
    [{ blacklist: ['PL'] }, POLAND_V6, null, 403],
    [{ blacklist: ['PL'] }, `[${POLAND_V6}]:443`, null, 403],
    [{ whitelist: ['PL'] }, POLAND_V6, null, 200],
    [{ whitelist: ['US', 'CA'] }, UNITED_STATES, 'CA', 200],
    [{ whitelist: ['US'] }, UNITED_STATES, 'CA', 403],
    [{ whitelist: ['US'] }, IRAN, 'US', 403],
    [{ whitelist: ['US', 'IR'], blacklist: ['IR'] }, IRAN, null, 403],
    [{ whitelist: ['US'] }, '192.168.0.1', null, 200],
    [{ whitelist: ['US'] }, '127.0.0.1', 'ZZ', 200],
    // What carries an address of IPv4: NAT64, 6to4 and Teredo.
    [BLACKLIST, '64:ff9b::5a0:1', null, 403],
    [BLACKLIST, '[64:ff9b::5.160.0.1%eth0]:443', null, 403],
    [BLACKLIST, '2002:5a0:1::1', null, 403],
    [BLACKLIST, '2001:0:1:2:3:4:fa5f:fffe', null, 403],
    [BLACKLIST, '64:ff9b::808:808', null, 200],
    // What is no address may come from anywhere.
    [{ whitelist: ['US'] }, 'garbage', null, 403],
    [{ whitelist: ['US'] }, '010.0.0.1', null, 403],
    [{}, IRAN, 'KP', 200],
  ])('%j, asked from %s by somebody of %s: %d', async (lists, address, country, status) => {
    const learner = await addLearner(door.db, { country })
    expect((await door.as(learner).post(asked(under(lists)), from(address))).status).toBe(status)
  })

  test('every address of the trusted chain counts, and none beyond it', async () => {
    const id = under({ blacklist: ['US', 'IR'] })
    const trusting = (proxies: string) => ({ EMBARGO: 'on', TRUST_PROXY: proxies })
    const chain = `${IRAN}, ${UNITED_STATES}, ${POLAND_V6}`
    expect(await postThrough(trusting(`127.0.0.1`), id, chain)).toBe(200)
    expect(await postThrough(trusting(`127.0.0.1,${IRAN}`), id, `${POLAND_V6}, ${IRAN}`)).toBe(403)
    expect(await postThrough(trusting(`127.0.0.1,${POLAND_V6}`), id, chain)).toBe(403)
    expect(await postThrough(trusting(`127.0.0.1,${POLAND_V6}`), id, `${IRAN}, 192.0.2.1, ${POLAND_V6}`)).toBe(200)
    expect(
      await postThrough(trusting(`127.0.0.1,192.0.2.1,${POLAND_V6}`), id, `${IRAN}, 192.0.2.1, ${POLAND_V6}`),
    ).toBe(403)
  })
})

describe('over a socket', () => {
  test.each<[proxies: string, forwarded: string, status: number]>([
    ['off', IRAN, 200],
    ['10.0.0.0/8', IRAN, 200],
    ['127.0.0.1', IRAN, 403],
    // Whoever is blocked cannot hide behind what they claim themselves.
    ['127.0.0.1', `${UNITED_STATES}, ${IRAN}`, 403],
    ['127.0.0.1', `${IRAN}, ${UNITED_STATES}`, 200],
  ])('with TRUST_PROXY=%s, “X-Forwarded-For: %s” is %d', async (proxies, forwarded, status) => {
    const app = buildTestApp({ db: door.db, env: { EMBARGO: 'on', RATE_LIMITS: 'off', TRUST_PROXY: proxies } })
    await using server = await openTestServer(app)
    const answer = await fetch(`${server.url}/api/enrollment/v1/enrollment`, {
      method: 'POST',
      headers: { authorization: await tokenOf(bob), 'x-forwarded-for': forwarded, 'content-type': 'application/json' },
      body: JSON.stringify(asked(under(BLACKLIST))),
    })
    expect(answer.status).toBe(status)
    if (status !== 403) return
    expect(await answer.json()).toMatchObject({
      user_message_url: `${server.url}/embargo/blocked-message/enrollment/default/`,
    })
  })
})

describe('who is exempt', () => {
  test.each<[who: string, role: string, isWholeOrg: boolean, status: number]>([
    ['staff of the course', 'staff', false, 200],
    ['limited staff of the course', 'limited_staff', false, 200],
    ['an instructor of the course', 'instructor', false, 200],
    ['staff of the organisation', 'staff', true, 200],
    ['an instructor of the organisation', 'instructor', true, 200],
    ['a beta tester', 'beta_testers', false, 403],
  ])('%s', async (_who, role, isWholeOrg, status) => {
    const id = under(BLACKLIST)
    await addRole(door.db, bob, role, isWholeOrg ? null : id)
    expect((await door.as(bob).post(asked(id), from(IRAN))).status).toBe(status)
  })

  test('global staff, by their account or their token; superusers alone are not', async () => {
    const id = under(BLACKLIST)
    expect((await door.as(staff).post(asked(id), from(IRAN))).status).toBe(200)
    expect((await door.as(bob, { superuser: true }).post(asked(id), from(IRAN))).status).toBe(403)
    expect((await door.as(bob, { administrator: true }).post(asked(id), from(IRAN))).status).toBe(200)
  })

  test('it is the learner who is looked at, not who asks', async () => {
    const id = under(BLACKLIST)
    const learner = await addLearner(door.db, { country: 'IR' })
    const forLearner = asked(id, { user: learner.username })
    expect((await door.as(staff).post(forLearner)).status).toBe(403)
    expect((await door.as(bob, { administrator: true }).post(forLearner)).status).toBe(403)
    expect((await door.server.post(asked(id, { user: staff.username }), from(IRAN))).status).toBe(200)
  })

  test('the API key is no exemption', async () => {
    const id = under(BLACKLIST)
    expect((await door.server.post(asked(id, { user: bob.username }), from(IRAN))).status).toBe(403)
    expect(
      (await door.serverAs(staff).post(asked(id, { user: bob.username, force_enrollment: true }), from(IRAN))).status,
    ).toBe(403)
  })
})

describe('its place among the checks (rest-v1 §3.2 row 8)', () => {
  test('rows 1 to 6 come before it', async () => {
    const id = under(BLACKLIST)
    expect((await door.as(bob).post(asked(''), from(IRAN))).status).toBe(400)
    expect((await door.as(bob).post(asked(id, { user: staff.username }), from(IRAN))).status).toBe(404)
    expect((await door.as(bob).post(asked(id, { mode: 'verified' }), from(IRAN))).json.message).toContain('permission')
    expect((await door.server.post(asked(id, { user: 'nobody' }), from(IRAN))).status).toBe(406)
  })

  test('row 9 and what follows comes after it, the audit line too', async () => {
    const id = under(BLACKLIST)
    const lines = door.log.length
    const answer = await door.server.post(asked(id, { user: bob.username, is_active: 'no', mode: 'none' }), from(IRAN))
    expect(answer.status).toBe(403)
    expect(door.log.slice(lines).filter((line) => line.startsWith('enrollment_change_requested'))).toEqual([])
  })

  test('only enrolling is refused, not reading', async () => {
    const id = under(BLACKLIST)
    for (const path of ['/enrollment', `/enrollment/${id}`, `/course/${id}`]) {
      expect((await door.as(bob).get(path, from(IRAN))).status).toBe(200)
    }
  })

  test('the branch of a key is no way around it, and is shown as it was sent', async () => {
    const id = under(BLACKLIST)
    const answer = await door.as(bob).post(asked(`${id}+branch@draft`), from(IRAN))
    expect(answer).toMatchObject({
      status: 403,
      json: { message: `Users from this location cannot access the course '${id}+branch@draft'.` },
    })
  })
})

describe('where the explanation is', () => {
  test.each<[key: string | undefined, path: string]>([
    [undefined, 'default'],
    ['embargo', 'embargo'],
    ['two words/ä', 'two%20words%2F%C3%A4'],
  ])('of the key “%s”', async (message_key, path) => {
    const id = under({ ...BLACKLIST, ...(message_key && { message_key }) })
    expect((await door.as(bob).post(asked(id), from(IRAN))).json.user_message_url).toBe(
      `http://localhost:80/embargo/blocked-message/enrollment/${path}/`,
    )
  })

  test('on the origin that was asked, as the client or a trusted proxy names it', async () => {
    const id = under(BLACKLIST)
    const urlFor = async (headers: Record<string, string>) =>
      (await door.as(bob).post(asked(id), { ...from(IRAN), ...headers })).json.user_message_url
    const path = '/embargo/blocked-message/enrollment/default/'
    expect(await urlFor({ host: 'courses.example.org' })).toBe(`http://courses.example.org${path}`)
    expect(await urlFor({ host: 'courses.example.org:8443', 'x-forwarded-proto': 'https' })).toBe(
      `https://courses.example.org:8443${path}`,
    )
    for (const scheme of ['javascript', 'HTTPS,http', 'data:x']) {
      expect(await urlFor({ host: 'courses.example.org', 'x-forwarded-proto': scheme })).toMatch(/^http:\/\/courses/)
    }
  })

  test('on the origin of the settings', async () => {
    await using elsewhere = await openDoor({ env: { ...ON, EMBARGO_BASE_URL: 'https://learning.example.org/lms/' } })
    const learner = await addLearner(elsewhere.db)
    const answer = await elsewhere.as(learner).post(asked(await restricted(BLACKLIST, elsewhere)), from(IRAN))
    expect(answer.json.user_message_url).toBe(
      'https://learning.example.org/lms/embargo/blocked-message/enrollment/default/',
    )
  })
})

async function restricted(
  { whitelist = [], blacklist = [], message_key = 'default' }: Lists,
  { db }: Pick<Door, 'db'>,
): Promise<string> {
  const key = await addCourse(db)
  const { id } = await db.selectFrom('courses').select('id').where('course_key', '=', key).executeTakeFirstOrThrow()
  await db.insertInto('embargo_rules').values({ course_id: id, whitelist, blacklist, message_key }).execute()
  return key
}

function asked(course_id: string, more: object = {}): object {
  return { course_details: { course_id }, ...more }
}

function from(addresses: string): Record<string, string> {
  return { 'x-forwarded-for': addresses }
}

async function tokenOf({ username }: SeededLearner): Promise<string> {
  return `JWT ${await signToken({ preferred_username: username })}`
}

async function postThrough(env: Environment, id: string, forwarded: string): Promise<number> {
  const app = buildTestApp({ db: door.db, env: { ...env, RATE_LIMITS: 'off' } })
  const answer = await app.inject({
    method: 'POST',
    url: '/api/enrollment/v1/enrollment',
    headers: { authorization: await tokenOf(bob), 'content-type': 'application/json', ...from(forwarded) },
    payload: asked(id),
  })
  await app.close()
  return answer.statusCode
}
