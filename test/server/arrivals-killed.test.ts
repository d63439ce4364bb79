// long: starts and kills several servers
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { BASE, signToken } from '../support/rest.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { connectionsEnded, SECRETS, startNamed, type ServerProcess } from '../support/server-process.ts'
import { importAll } from '../support/transfer.ts'
import { untilWaiting } from '../support/waiting.ts'

// Who arrives is enrolled by themselves (rest-v1 D18) exactly once, whenever the server is killed.

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())
const staff = await addLearner(db)

test('a server that is killed between a sign-up and its enrollment leaves it to the next one', async () => {
  const courseId = await addCourse(db)
  await promise(courseId, ['between'])
  const first = startNamed('first', connectionString)
  await first.ready
  const holder = await db.startTransaction().execute()
  await sql`lock table enrollment_allowances in exclusive mode`.execute(holder)
  expect(await signUp(first, 'between')).toBe(200)
  await untilWaiting(db) // The server is in the middle of the enrollment.
  first.child.kill('SIGKILL')
  await connectionsEnded(db, 'first')
  await holder.rollback().execute()
  expect(await countsIn(courseId)).toMatchObject({ accounts: 1, enrolled: 0, events: 0, audited: 0, arrivals: 1 })

  startNamed('second', connectionString)
  await eventually(async () => expect(await countsIn(courseId)).toEqual(allOf(1)), 100)
})

test('of a large arrival nobody is lost or enrolled twice, though servers are killed in the middle of it', async () => {
  const [size, kills] = [2_000, 3]
  const courseId = await addCourse(db)
  const usernames = Array.from({ length: size }, (_, number) => `arrival-${number}`)
  await promise(courseId, usernames)
  const users = usernames.map((username) => ({ type: 'user', username, email: addressOf(username) }))
  expect(await importAll(db, users)).toMatchObject({ failed: 0 })

  await makeEnrollmentsSlow()
  for (let kill = 1; kill <= kills; kill += 1) {
    const name = `large-${kill}`
    const servers = [startNamed(name, connectionString), startNamed(name, connectionString)]
    const wanted = (kill - 1) * 300
    await eventually(async () => expect((await countsIn(courseId)).enrolled).toBeGreaterThan(wanted))
    for (const { child } of servers) child.kill('SIGKILL')
    await connectionsEnded(db, name)
    const { enrolled, events, audited, arrivals } = await countsIn(courseId)
    expect(enrolled).toBeGreaterThan(wanted)
    expect(enrolled, 'in the middle').toBeLessThan(size)
    expect({ events, audited, arrivals }).toEqual({ events: enrolled, audited: enrolled, arrivals: size - enrolled })
  }
  await sql`drop trigger slow on enrollments`.execute(db)
  startNamed('last', connectionString)
  await eventually(async () => expect(await countsIn(courseId)).toEqual(allOf(size)), 100)
})

test('whose sign-up was told before the server was killed is enrolled, and nobody is half there', async () => {
  const courseId = await addCourse(db)
  const usernames = Array.from({ length: 300 }, (_, number) => `told-${number}`)
  await promise(courseId, usernames)
  const first = startNamed('told', connectionString)
  await first.ready
  const told: string[] = []
  await inParallel(8, usernames, async (username) => {
    if ((await signUp(first, username)) === 200) told.push(username)
    if (told.length === 100) first.child.kill('SIGKILL')
  })
  await connectionsEnded(db, 'told')
  expect(told.length).toBeLessThan(usernames.length)
  const { accounts } = await countsIn(courseId)
  expect(accounts).toBeGreaterThanOrEqual(told.length)

  startNamed('after', connectionString)
  await eventually(async () => expect(await countsIn(courseId)).toEqual(allOf(accounts)), 100)
  const learners = await db.selectFrom('learners').select('username').where('username', 'like', 'told-%').execute()
  expect(learners.map(({ username }) => username)).toEqual(expect.arrayContaining(told))
})

function addressOf(username: string): string {
  return `${username}@example.com`
}

/** By hand, with its audit. */
async function promise(courseId: string, usernames: readonly string[]): Promise<void> {
  const emails = usernames.map(addressOf)
  await sql`insert into enrollment_allowances (email, course_key, auto_enroll)
    select email, ${courseId}::text, true from unnest(${emails}::text[]) as email`.execute(db)
  await sql`insert into manual_enrollments (actor_id, email, course_key, transition, reason, created)
    select ${staff.id}::integer, email, ${courseId}::text, 'from unenrolled to allowed to enroll', 'promised', now()
    from unnest(${emails}::text[]) as email`.execute(db)
}

/** Ten milliseconds each, so that a kill comes in the middle of them on any machine. */
async function makeEnrollmentsSlow(): Promise<void> {
  await sql`create function be_slow() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.01); return new; end $$`.execute(db)
  await sql`create trigger slow before insert on enrollments for each row execute function be_slow()`.execute(db)
}

/** The status of the first request of somebody; 0: there was no answer. */
async function signUp({ ready }: ServerProcess, username: string): Promise<number> {
  const claims = { preferred_username: username, email: addressOf(username), email_verified: true }
  const token = await signToken(claims, { secret: SECRETS.JWT_SECRET })
  const { url } = await ready
  const answer = await fetch(`${url}${BASE}/roles/`, { headers: { authorization: `JWT ${token}` } }).catch(() => null)
  return answer?.status ?? 0
}

/** How many of those whom a course run waits for have arrived, and what was done for them. */
async function countsIn(courseId: string) {
  const { rows } = await sql<Record<'accounts' | 'enrolled' | 'events' | 'claimed' | 'audited' | 'arrivals', number>>`
    select count(distinct l.id)::integer as accounts, count(distinct e.id)::integer as enrolled,
      count(distinct v.id)::integer as events,
      count(distinct w.id) filter (where w.claimed_by = l.id and w.auto_enroll_settled is not null)::integer as claimed,
      count(distinct m.id)::integer as audited, count(distinct a.learner_id)::integer as arrivals
    from enrollment_allowances w join learners l on l.email = w.email
    left join courses c on c.course_key = w.course_key
    left join enrollments e on e.learner_id = l.id and e.course_id = c.id
    left join enrollment_events v on v.enrollment_id = e.id
    left join manual_enrollments m on m.email = w.email and m.course_key = w.course_key and m.transition = 'from allowed to enroll to enrolled'
    left join auto_enrollment_arrivals a on a.learner_id = l.id
    where w.course_key = ${courseId}`.execute(db)
  const [counts] = rows
  if (counts === undefined) throw new Error('A count has a row')
  return counts
}

function allOf(size: number) {
  return { accounts: size, enrolled: size, events: size, claimed: size, audited: size, arrivals: 0 }
}

async function inParallel<T>(workers: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const item of left) await work(item)
    }),
  )
}
