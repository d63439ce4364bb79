// slow: whole files in and out
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { counting } from '../../support/counting.ts'
import { rowsOfTables } from '../../support/tables.ts'
import { createEnterpriseDatabase } from '../seed.ts'
import { linkInWords } from '../state.ts'
import { ACME, admin, customer, exportText, GLOBEX, importLines, link, removeAll, user, world } from './world.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

beforeEach(() => removeAll(db))

describe('importing lines of the extension', () => {
  test('keeps every line, and a second time changes nothing', async () => {
    expect(await importLines(db, world)).toMatchObject({ lines: 12, kept: 12, failed: 0, written: 12, failures: [] })
    const kept = await everything()
    expect(await importLines(db, world)).toMatchObject({ lines: 12, kept: 12, failed: 0, written: 0, failures: [] })
    expect(await everything()).toEqual(kept)
    expect(await linksInWords()).toEqual({ alice: 'linked', bob: 'unlinked for good', carol: 'unlinked' })
  })

  test('changes what a line says otherwise', async () => {
    await importLines(db, world)
    const again = [
      customer(ACME, { name: 'ACME Inc.' }),
      link({ username: 'bob' }),
      link({ username: 'carol' }),
      link({ email: 'NEW@example.com' }, { isLinked: false }),
    ]
    expect(await importLines(db, again)).toMatchObject({ failed: 0, written: 4 })
    expect(await linksInWords()).toEqual({ alice: 'linked', bob: 'linked', carol: 'linked' })
    expect(await extensionLines()).toContain('"name":"ACME Inc.","slug":null')
    expect(await extensionLines()).toContain('"email":"new@example.com","isLinked":false')
  })

  test('takes a customer from a learner who is unlinked from them', async () => {
    await importLines(db, world)
    await db.updateTable('enterprise_learner_links').set({ is_active: true }).where('is_linked', '=', true).execute()
    expect(await linksInWords()).toMatchObject({ alice: 'active' })
    expect(await importLines(db, [link({ username: 'alice' })])).toMatchObject({ written: 0 })
    expect(await linksInWords()).toMatchObject({ alice: 'active' })
    await importLines(db, [link({ username: 'alice' }, { isLinked: false })])
    expect(await linksInWords()).toMatchObject({ alice: 'unlinked' })
  })

  test('lets a slug go from one customer to another, and refuses one that is taken', async () => {
    await importLines(db, [customer(ACME, { slug: 'a' }), customer(GLOBEX, { slug: 'g' })])
    const swapped = [customer(ACME), customer(GLOBEX, { slug: 'a' }), customer(ACME, { slug: 'g' })]
    expect(await importLines(db, swapped)).toMatchObject({ failed: 0 })
    expect(await slugs()).toEqual([
      [ACME, 'g'],
      [GLOBEX, 'a'],
    ])
    const { failures } = await importLines(db, [customer(ACME, { slug: 'a' })])
    expect(failures).toEqual([
      { line: 1, type: 'customer', reason: `customer: slug: 'a' belongs to the customer '${GLOBEX}'` },
    ])
  })

  test.each<[line: object, reason: string]>([
    [customer('acme'), "uuid: 'acme' is not a UUID"],
    [{ type: 'customer', uuid: ACME }, 'name: is missing'],
    [customer(ACME, { slug: '' }), 'slug: must not be empty'],
    [customer(ACME, { contact: 'x' }), "unknown key 'contact'"],
    [{ type: 'customerAdmin', username: 'alice' }, 'customer: is missing'],
    [admin('nobody'), "username: there is no account 'nobody'"],
    [admin('alice', GLOBEX), `customer: there is no customer '${GLOBEX}'`],
    [link({ username: 'nobody' }), "username: there is no account 'nobody'"],
    [link({}), 'must have either username or email'],
    [link({ username: 'alice', email: 'a@b.c' }), 'must have either username or email'],
    [link({ email: 'no-at-sign' }), "email: 'no-at-sign' is not an e-mail address"],
    [
      link({ username: 'alice' }, { isLinked: true, isPermanentlyUnlinked: true }),
      'isLinked: must be false for whoever is permanently unlinked',
    ],
    [link({ username: 'alice' }, { customer: GLOBEX }), `customer: there is no customer '${GLOBEX}'`],
  ])('refuses %j', async (line, reason) => {
    await importLines(db, [user('alice'), customer(ACME)])
    const kept = await everything()
    const { type } = line as { type: string }
    const { failures, ...counts } = await importLines(db, [user('alice'), line])
    expect(failures).toEqual([{ line: 2, type, reason: `${type}: ${reason}` }])
    expect(counts).toMatchObject({ lines: 2, kept: 1, failed: 1, written: 0 })
    expect(await everything()).toEqual(kept)
  })

  test('knows only what stands before a line', async () => {
    const { failures } = await importLines(db, [
      admin('alice'),
      customer(ACME),
      admin('alice'),
      link({ username: 'alice' }),
      link({ email: 'alice@example.com' }),
      user('alice'),
      admin('alice'),
    ])
    expect(failures).toEqual([
      { line: 1, type: 'customerAdmin', reason: `customerAdmin: customer: there is no customer '${ACME}'` },
      { line: 3, type: 'customerAdmin', reason: "customerAdmin: username: there is no account 'alice'" },
      { line: 4, type: 'customerLink', reason: "customerLink: username: there is no account 'alice'" },
    ])
    expect(await linksInWords()).toEqual({ alice: null })
    expect(await db.selectFrom('enterprise_pending_links').select('email').execute()).toEqual([
      { email: 'alice@example.com' },
    ])
  })

  test('keeps nothing of a strict import with one bad line', async () => {
    const kept = await everything()
    expect(await importLines(db, [...world, admin('nobody')], { strict: true })).toMatchObject({ kept: 0, failed: 1 })
    expect(await everything()).toEqual(kept)
  })

  test('asks as many statements for many lines as for a few', async () => {
    const statementsFor = async (people: number) => {
      const names = Array.from({ length: people }, (_, index) => `person-${people}-${index}`)
      const links = names.flatMap((name) => [link({ username: name }), link({ email: `${name}@elsewhere.example` })])
      const file = [...names.map((name) => user(name)), customer(ACME), ...names.map((name) => admin(name)), ...links]
      const counted = counting(db)
      const { failed } = await importLines(counted.db, file)
      expect(failed).toBe(0)
      return counted.statements()
    }
    expect(await statementsFor(400)).toBe(await statementsFor(10))
  })

  test('in one piece comes to what it comes to line by line', async () => {
    const who = fc.constantFrom('alice', 'bob')
    const named = fc.oneof(
      fc.record({ username: who }),
      fc.record({ email: fc.constantFrom('alice@example.com', 'Bob@Example.com', 'x@example.com', 'X@example.com') }),
    )
    const uuid = fc.constantFrom(ACME, GLOBEX)
    const created = '2020-01-02T03:04:05.000006Z'
    const states = [
      {},
      { isLinked: false },
      { isPermanentlyUnlinked: true },
      { isActive: true },
      { isActive: false },
      { created },
    ]
    const wishes = [
      { mode: 'audit' },
      { license: ACME },
      { transaction: ACME, created },
      { state: 'cancelled' },
      { cohort: 'c' },
    ]
    const anyLine = fc.oneof(
      { weight: 1, arbitrary: who.map((name) => user(name)) },
      {
        weight: 2,
        arbitrary: fc.record({ type: fc.constant('customer'), uuid, name: who, slug: fc.constantFrom(null, 'a', 'b') }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('customerAdmin'), customer: uuid, username: who }) },
      {
        weight: 4,
        arbitrary: fc
          .tuple(uuid, named, fc.constantFrom(...states))
          .map(([customer, name, state]) => ({ type: 'customerLink', customer, ...name, ...state })),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(uuid, fc.constantFrom('Bob@Example.com', 'x@example.com'), fc.constantFrom(...wishes))
          .map(([customer, email, wish]) => ({
            type: 'pendingEnrollment',
            customer,
            email,
            courseId: 'a/b/c',
            ...wish,
          })),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(uuid, fc.constantFrom({}, { isRemoved: true }, { created }))
          .map(([customer, more]) => ({ type: 'defaultIntention', customer, courseId: 'a/b/c', ...more })),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(anyLine, { minLength: 5, maxLength: 25 }), async (lines) => {
        await removeAll(db)
        const whole = await importLines(db, lines)
        const text = await exportText(db)
        await removeAll(db)
        const failed: number[] = []
        for (const [index, line] of lines.entries()) {
          if ((await importLines(db, [line])).failed > 0) failed.push(index + 1)
        }
        expect(whole.failures.map(({ line }) => line)).toEqual(failed)
        expect(text.split('\n').toSorted()).toEqual((await exportText(db)).split('\n').toSorted())
      }),
      { numRuns: 25 },
    )
  })
})

async function extensionLines(): Promise<string> {
  return (await exportText(db))
    .split('\n')
    .filter((line) => line.includes('"type":"customer'))
    .join('\n')
}

async function linksInWords() {
  const { id } = await db
    .selectFrom('enterprise_customers')
    .select('id')
    .where('uuid', '=', ACME)
    .executeTakeFirstOrThrow()
  const learners = await db.selectFrom('learners').select(['id', 'username']).orderBy('username').execute()
  const links: Record<string, string | null> = {}
  for (const learner of learners) links[learner.username] = await linkInWords(db, { id }, learner.id)
  return links
}

async function slugs() {
  const rows = await db.selectFrom('enterprise_customers').select(['uuid', 'slug']).orderBy('id').execute()
  return rows.map(({ uuid, slug }) => [uuid, slug])
}

function everything() {
  return rowsOfTables(db, [
    'learners',
    'enterprise_customers',
    'enterprise_customer_admins',
    'enterprise_learner_links',
    'enterprise_pending_links',
  ])
}
