import { afterAll, expect, test } from 'vitest'
import { findAccount } from '../../../../core/learner/account.ts'
import { importAll } from '../../../support/transfer.ts'
import { BULK_ENROLL, openDoor } from '../../../support/rest.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'

const door = await openDoor({ env: { RATE_LIMITS: 'off' } })
afterAll(() => door[Symbol.asyncDispose]())
const { db } = door

test('an account that staff has disabled is refused by every token, also beside a key, and not when it is enabled', async () => {
  const { id, username } = await addLearner(db)
  const line = { type: 'user', username, email: null }
  await importAll(db, [{ ...line, isDisabled: true }])
  expect(await door.as({ username }).get('/enrollment')).toMatchObject({
    status: 403,
    json: { detail: 'Your account has been disabled.' },
  })
  expect((await door.serverAs({ username }).get('/enrollment')).status).toBe(403)
  await importAll(db, [line])
  expect(await findAccount(db, { username })).toMatchObject({ id, isDisabled: false })
  expect((await door.as({ username }).get('/enrollment')).status).toBe(200)
})

test('the former name and address of somebody retired make no account by token', async () => {
  await importAll(db, [
    { type: 'user', id: 7_001, username: 'retired__user_7', email: null },
    {
      type: 'retirement',
      username: 'retired__user_7',
      state: 'COMPLETE',
      originalUsername: 'dave',
      originalEmail: 'dave@example.com',
    },
  ])
  expect((await door.as({ username: 'dave' }).get('/enrollment')).status).toBe(401)
  expect((await door.as({ username: 'david' }, { email: 'DAVE@example.com' }).get('/enrollment')).status).toBe(401)
  // A token from before, with the id that the account still has.
  expect((await door.as({ username: 'dave' }, { user_id: 7_001 }).get('/enrollment')).status).toBe(401)
  expect(await findAccount(db, { userId: '7001' })).toMatchObject({ username: 'retired__user_7' })
  expect(await findAccount(db, { username: 'david' })).toBeNull()
  // The control.
  expect((await door.as({ username: 'david' }, { email: 'david@example.com' }).get('/enrollment')).status).toBe(200)
})

test('unenroll finds somebody half retired by the username that they had', async () => {
  await importAll(db, [
    { type: 'user', username: 'retired__user_8', email: null },
    { type: 'retirement', username: 'retired__user_8', state: 'PENDING', originalUsername: 'erin' },
  ])
  await addLearner(db, { username: 'retirer', is_superuser: true })
  const retirer = door.as({ username: 'retirer' })
  expect((await retirer.postTo('/unenroll/', { username: 'erin' })).status).toBe(204)
  expect((await retirer.postTo('/unenroll/', { username: 'nobody' })).status).toBe(404)
})

test('whoever has asked to be retired is found by no identifier, and gets no name back by a token', async () => {
  const courseId = await addCourse(db)
  const [leaving, staying, staff] = [
    await addLearner(db),
    await addLearner(db),
    await addLearner(db, { is_staff: true }),
  ]
  await importAll(db, [{ type: 'retirementRequest', username: leaving.username }])
  const answer = await door.as(staff).postTo(BULK_ENROLL, {
    action: 'enroll',
    auto_enroll: true,
    identifiers: [leaving.username, leaving.email, staying.username].join(','),
    courses: courseId,
  })
  expect(answer.json.courses[courseId].results).toMatchObject([
    { identifier: leaving.username, invalidIdentifier: true },
    { identifier: leaving.email, invalidIdentifier: true },
    { identifier: staying.username, after: { enrollment: true } },
  ])
  await importAll(db, [{ type: 'user', id: 7_002, username: leaving.username, email: null }])
  expect((await door.as({ username: 'anew' }, { user_id: 7_002 }).get('/enrollment')).status).toBe(401)
})

test('a role without an organisation has neither organisation nor course run', async () => {
  const { username } = await addLearner(db)
  await importAll(db, [{ type: 'role', username, role: 'support', org: '' }])
  expect((await door.as({ username }).get('/roles/')).json).toMatchObject({
    roles: [{ org: '', course_id: '', role: 'support' }],
  })
})
