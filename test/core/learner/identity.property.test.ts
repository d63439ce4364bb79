import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { resolveLearners } from '../../../core/learner/resolve.ts'
import { IdentityConflict, signUp } from '../../../core/learner/sign-up.ts'
import { createTestDatabase } from '../../support/database.ts'
import { importAll } from '../../support/transfer.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

const profile = fc.record({
  username: fc.constantFrom('a', 'b', 'c'),
  // Low, as those that are drawn here are.
  userId: fc.option(fc.integer({ min: 1, max: 5 })),
  email: fc.option(fc.constantFrom('x@example.com', 'X@example.com', 'y@example.com')),
})
const steps = fc.array(
  fc.oneof(fc.record({ token: profile }), fc.record({ lines: fc.array(profile, { minLength: 1, maxLength: 4 }) })),
  { maxLength: 8 },
)

type Profile = Parameters<typeof signUp>[1]

/** What has to hold, written down without regard to how it is done. */
interface Person {
  username: string
  /** Null: the LMS has not told. */
  userId: number | null
}

// oxlint-disable-next-line vitest/expect-expect -- fast-check runs what expects
test('tokens and imports never make one of two people, and never two of one', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      await sql`truncate learners restart identity cascade`.execute(db)
      const people: Person[] = []
      const keys = new Map<Person, number>()
      for (const step of all) {
        const profiles = 'token' in step ? [step.token] : step.lines
        const accepted = 'token' in step ? [await acceptsToken(step.token)] : await acceptsLines(step.lines)
        for (const [index, one] of profiles.entries()) {
          const expected = expectedOf(people, one)
          if (expected === 'conflict') expect(accepted[index]).toBe(false)
          else if (accepted[index]) give(people, expected, one)
        }
        await expectSame(people, keys)
      }
    }),
    { numRuns: 15 },
  )
}, 120_000)

async function acceptsToken(token: Omit<Profile, 'name'>): Promise<boolean> {
  try {
    await signUp(db, { ...token, name: '' })
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityConflict)
    return false
  }
}

async function acceptsLines(profiles: readonly Omit<Profile, 'name'>[]): Promise<boolean[]> {
  const lines = profiles.map(({ username, email, userId }) => ({
    type: 'user',
    username,
    email,
    ...(userId !== null && { id: userId }),
  }))
  const bad = new Set((await importAll(db, lines)).failures.map(({ line }) => line))
  return lines.map((_, index) => !bad.has(index + 1))
}

function expectedOf(people: Person[], { username, userId }: Omit<Profile, 'name'>): Person | null | 'conflict' {
  const named = people.find((one) => one.username === username) ?? null
  const known = userId === null || userId === undefined ? null : (people.find((one) => one.userId === userId) ?? null)
  if (userId === null || userId === undefined || known === named) return named
  if (known !== null) return named === null ? known : 'conflict'
  return named === null || named.userId === null ? named : 'conflict'
}

function give(people: Person[], person: Person | null, { username, userId = null }: Omit<Profile, 'name'>): void {
  if (person === null) people.push({ username, userId })
  else Object.assign(person, { username, userId: userId ?? person.userId })
}

async function expectSame(people: readonly Person[], keys: Map<Person, number>): Promise<void> {
  const { byUsername } = await resolveLearners(db, { usernames: ['a', 'b', 'c'] })
  expect([...byUsername.keys()].toSorted()).toEqual(people.map(({ username }) => username).toSorted())
  for (const person of people) {
    const account = byUsername.get(person.username)
    if (person.userId !== null) expect(account).toMatchObject({ userId: person.userId, isIdOfLms: true })
    else expect(account?.isIdOfLms).toBe(false)
    // The same row, whatever it is called now.
    expect(account?.id).toBe(keys.get(person) ?? account?.id)
    keys.set(person, account?.id ?? 0)
  }
}
