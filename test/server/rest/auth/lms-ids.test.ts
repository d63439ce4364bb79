import { afterAll, expect, test } from 'vitest'
import { findAccount } from '../../../../core/learner/account.ts'
import { allow, listAllowances } from '../../../../core/course/allowance.ts'
import { addCourse } from '../../../support/seed.ts'
import { openDoor } from '../../../support/rest.ts'

const door = await openDoor()
afterAll(() => door[Symbol.asyncDispose]())
const { db } = door

test.for([0, -1, 1.5, 2_147_483_648, '7', 'seven', true, null, [7], {}])('user_id %j is 401', async (user_id) => {
  expect((await door.as({ username: 'odd' }, { user_id }).get('/enrollment')).status).toBe(401)
  expect(await findAccount(db, { username: 'odd' })).toBe(null)
})

test('a token without an id, and then with it, is the same account', async () => {
  await door.as({ username: 'first' }).get('/enrollment')
  const before = await findAccount(db, { username: 'first' })
  await door.as({ username: 'first' }, { user_id: 4_001 }).get('/enrollment')
  await door.as({ username: 'renamed' }, { user_id: 4_001 }).get('/enrollment')
  expect(await findAccount(db, { userId: '4001' })).toMatchObject({ id: before?.id, username: 'renamed' })
})

test('the username of another id is 401, and the log says whose', async () => {
  await door.as({ username: 'owner' }, { user_id: 4_011 }).get('/enrollment')
  expect((await door.as({ username: 'owner' }, { user_id: 4_012 }).get('/enrollment')).status).toBe(401)
  expect(door.log).toContain("a token was refused: the account 'owner' has the id 4011, not 4012")
})

test.for([false, 'true', 'false', 0, null])(
  'an address with email_verified %j is not taken',
  async (email_verified) => {
    const username = `unverified-${JSON.stringify(email_verified).replaceAll('"', 't')}`
    await door.as({ username }, { email: 'victim@example.com', email_verified, user_id: undefined }).get('/enrollment')
    expect(await findAccount(db, { username })).toMatchObject({ email: null })
  },
)

test('who signs up with a Kelvin sign does not get the allowance of the ASCII neighbour', async () => {
  const courseId = await addCourse(db, { invitation_only: true })
  await allow(db, { email: 'kim@example.com', courseId, autoEnroll: true, now: new Date() })
  const kelvin = door.as({ username: 'kelvin' }, { email: '\u212Aim@example.com' })
  expect((await kelvin.post({ course_details: { course_id: courseId } })).status).toBe(400)
  expect(await listAllowances(db, 'kim@example.com')).toMatchObject([{ claimedBy: null }])
  const ascii = door.as({ username: 'ascii' }, { email: 'KIM@example.com', user_id: 4_021 })
  expect((await ascii.post({ course_details: { course_id: courseId } })).status).toBe(200)
  expect(await listAllowances(db, 'kim@example.com')).toMatchObject([{ claimedBy: 4_021 }])
})

test('an address that belongs to another account: the new one has none, and the log says so', async () => {
  await door.as({ username: 'has-it' }, { email: 'mine@example.com' }).get('/enrollment')
  await door.as({ username: 'wants-it' }, { email: 'MINE@example.com', user_id: 4_031 }).get('/enrollment')
  expect(await findAccount(db, { userId: '4031' })).toMatchObject({ username: 'wants-it', email: null })
  expect(door.log).toContain('the account has no e-mail address: that of its token belongs to another')
})
