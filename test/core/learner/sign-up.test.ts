import { afterAll, beforeAll, expect, test } from 'vitest'
import { signUp } from '../../../core/learner/sign-up.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { addLearner } from '../../support/seed.ts'

let database: TestDatabase
beforeAll(async () => void (database = await createTestDatabase()))
afterAll(() => database[Symbol.asyncDispose]())

test('an account is made once, and found from then on', async () => {
  const profile = { username: 'new', email: 'new@example.com', name: 'New' }
  const first = await signUp(database.db, profile)
  expect(first).toMatchObject({ isNew: true, isEmailTaken: false, account: { username: 'new', isStaff: false } })
  const second = await signUp(database.db, { ...profile, email: 'other@example.com' })
  expect(second).toEqual({ account: first.account, isNew: false, isEmailTaken: false })
})

test('an existing account keeps its own e-mail address and name', async () => {
  const { username, email } = await addLearner(database.db)
  const { account } = await signUp(database.db, { username, email: 'token@example.com', name: 'Token' })
  expect(account.email).toBe(email)
})

test('an e-mail address that belongs to another stays with them, also in other letters', async () => {
  const { email } = await addLearner(database.db)
  const signed = await signUp(database.db, { username: 'twin', email: email.toUpperCase(), name: '' })
  expect(signed).toMatchObject({ isNew: true, isEmailTaken: true, account: { username: 'twin', email: null } })
})

test('any number of calls at once make one account', async () => {
  const calls = Array.from({ length: 50 }, (_, i) =>
    signUp(database.db, { username: 'busy', email: i % 2 === 0 ? 'busy@example.com' : null, name: '' }),
  )
  const results = await Promise.all(calls)
  expect(new Set(results.map(({ account }) => account.id)).size).toBe(1)
  expect(results.filter(({ isNew }) => isNew)).toHaveLength(1)
})

test('two new accounts that claim one e-mail address at once: one has it', async () => {
  const calls = Array.from({ length: 20 }, (_, i) =>
    signUp(database.db, { username: `rival-${i}`, email: 'rival@example.com', name: '' }),
  )
  const results = await Promise.all(calls)
  expect(results.filter(({ account }) => account.email === 'rival@example.com')).toHaveLength(1)
  expect(results.filter(({ isEmailTaken }) => isEmailTaken)).toHaveLength(19)
})
