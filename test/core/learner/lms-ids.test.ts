import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { enroll } from '../../../core/enrollment/enroll.ts'
import { getEnrollment } from '../../../core/enrollment/read.ts'
import { readHistory } from '../../../core/event/read.ts'
import { findAccount } from '../../../core/learner/account.ts'
import { IdentityConflict, signUp } from '../../../core/learner/sign-up.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { enrollCommand } from '../../support/commands.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { exportAll, importAll } from '../../support/transfer.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

// Away from the ids that are shown, so that nobody takes one for the other.
await sql`alter table learners alter column id restart with 1000001`.execute(db)

const metadata = { actor: { kind: 'user', name: 'staff' }, via: 'rest', now: new Date() } as const
const token = (username: string, userId: number | null = null, email: string | null = null) =>
  signUp(db, { username, userId, email, name: '' })
const user = (username: string, id?: number, more = {}) => ({ type: 'user', username, email: null, id, ...more })
const whoHas = async (userId: number) => (await findAccount(db, { userId: String(userId) }))?.username
const idOf = async (username: string) => (await findAccount(db, { username }))?.userId

test('an account gets the id that a token or a line brings', async () => {
  await token('by-token', 501)
  await importAll(db, [user('by-line', 502)])
  expect([await whoHas(501), await whoHas(502)]).toEqual(['by-token', 'by-line'])
})

test('the same id under another username is the same account, by token and by line', async () => {
  const { account } = await token('anna', 511, 'anna@example.com')
  expect(await token('anna-married', 511, 'anna@new.example')).toMatchObject({
    isNew: false,
    account: { id: account.id, username: 'anna-married', email: 'anna@new.example' },
  })
  const { written } = await importAll(db, [user('anna-divorced', 511, { email: 'anna@example.com' })])
  expect(written).toBe(1)
  expect(await findAccount(db, { userId: '511' })).toMatchObject({ id: account.id, username: 'anna-divorced' })
  expect(await idOf('anna-married')).toBe(undefined)
})

test('a username that has another id is refused, by token and by line, and nothing changes', async () => {
  await token('taken', 521)
  await expect(token('taken', 522)).rejects.toThrow(IdentityConflict)
  const { failures } = await importAll(db, [user('taken', 522), user('fine', 523)])
  expect(failures).toEqual([{ line: 1, type: 'user', reason: "user: id: the account 'taken' has the id 521, not 522" }])
  expect([await idOf('taken'), await whoHas(522), await idOf('fine')]).toEqual([521, undefined, 523])
})

test('a known id with the username of another account merges nobody', async () => {
  await token('first', 531)
  const drawn = await token('second')
  await expect(token('second', 531)).rejects.toThrow(IdentityConflict)
  expect((await importAll(db, [user('second', 531)])).failed).toBe(1)
  expect([await idOf('first'), await idOf('second')]).toEqual([531, drawn.account.userId])
})

test('an account that the LMS did not know takes over its id with all that it has', async () => {
  const courseId = await addCourse(db)
  const { account } = await token('late')
  await enroll(db, enrollCommand({ learner: { username: 'late' }, courseId }), metadata, defaultPolicy)
  await token('late', 541)
  expect(await findAccount(db, { userId: '541' })).toMatchObject({ id: account.id })
  expect(await getEnrollment(db, { userId: '541' }, courseId)).toMatchObject({ userId: '541', username: 'late' })
  expect(await readHistory(db, { userId: '541' }, courseId)).toMatchObject([{ userId: '541', kind: 'created' }])
  expect(await getEnrollment(db, { userId: String(account.userId) }, courseId)).toBe(null)
})

test('an id that was drawn here gives way to the account of the LMS', async () => {
  const drawn = await token('in-the-way')
  await token('rightful', drawn.account.userId)
  expect(await whoHas(drawn.account.userId)).toBe('rightful')
  expect(await findAccount(db, { username: 'in-the-way' })).toMatchObject({ id: drawn.account.id })
  const { account } = await token('also-in-the-way')
  await importAll(db, [user('newcomer'), user('rightful-too', account.userId)])
  expect(await whoHas(account.userId)).toBe('rightful-too')
})

test('what is drawn is above every id that was brought', async () => {
  await token('high', 900_000)
  await importAll(db, [user('none'), user('higher', 900_002)])
  for (const name of ['a', 'b']) expect((await token(`drawn-${name}`)).account.userId).toBeGreaterThan(900_002)
  expect(await idOf('none')).toBeGreaterThan(900_002)
})

test('two people exchange names and ids in one file as they would in one after another', async () => {
  await importAll(db, [user('left', 601), user('right', 602)])
  const { failed } = await importAll(db, [user('middle', 601), user('left', 602), user('right', 601)])
  expect(failed).toBe(0)
  expect([await whoHas(601), await whoHas(602)]).toEqual(['right', 'left'])
})

test('drawn ids that lines exchange', async () => {
  const [one, two] = [await addLearner(db), await addLearner(db)]
  const lines = [user(one.username, two.userId), user(two.username, one.userId)]
  expect((await importAll(db, lines)).failed).toBe(0)
  expect([await idOf(one.username), await idOf(two.username)]).toEqual([two.userId, one.userId])
})

test('a line that names a username before another account gets it does not mean that account', async () => {
  await importAll(db, [user('reused', 611)])
  const role = { type: 'role', username: 'reused', role: 'staff', org: 'X' }
  const { failures } = await importAll(db, [role, user('was-reused', 611), user('reused', 612)])
  expect(failures).toMatchObject([{ line: 1 }])
  const { rows } = await sql`select from roles r join learners l on l.id = r.learner_id where l.user_id = 612`.execute(
    db,
  )
  expect(rows).toEqual([])
})

test('processes that bring one id, or draw it, at the same time', async () => {
  await using other = openDatabase({ connectionString: database.connectionString })
  const next = (await token('before')).account.userId + 1
  const calls = Array.from({ length: 24 }, (_, i) => [
    signUp(i % 2 === 0 ? db : other, { username: `same-${i % 3}`, userId: 700, email: null, name: '' }).catch(
      () => null,
    ),
    signUp(i % 2 === 0 ? other : db, { username: `drawing-${i}`, email: null, name: '' }),
    signUp(i % 2 === 0 ? other : db, { username: `bringing-${i}`, userId: next + i, email: null, name: '' }),
  ])
  await Promise.all(calls.flat())
  const { rows } = await sql<{ n: number; known: number }>`
    select count(*)::integer as n, count(distinct user_id)::integer as known from learners
    where username like 'drawing-%' or username like 'bringing-%' or user_id = 700`.execute(db)
  expect(rows).toEqual([{ n: 49, known: 49 }])
  for (let i = 0; i < 24; i += 1) expect(await idOf(`bringing-${i}`)).toBe(next + i)
})

test('an export writes ids, and imports into the same bytes', async () => {
  await using fresh = await createTestDatabase()
  const exported = await exportAll(db)
  expect(exported).toContain('{"type":"user","id":501,"username":"by-token"')
  await importAll(fresh.db, exported.trimEnd().split('\n'))
  expect(await exportAll(fresh.db)).toBe(exported)
})

test('the largest id leaves ids to draw', async () => {
  await using full = await createTestDatabase()
  await signUp(full.db, { username: 'last', userId: 2_147_483_647, email: null, name: '' })
  await importAll(full.db, [user('one'), user('two')])
  const { account } = await signUp(full.db, { username: 'three', email: null, name: '' })
  expect(account.userId).toBeLessThan(2_147_483_647)
})
