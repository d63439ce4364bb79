// slow: whole files in and out
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LineFailure } from '../../../core/import-export/group-importer.ts'
import { anyFile } from '../../support/any-file.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { empty, everything, exportAll, importAll } from '../../support/transfer.ts'

const COURSE = 'course-v1:edX+DemoX+2026'
const OLD = 'edX/DemoX/Old'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

const user = (username: string, more: object = {}) => ({
  type: 'user',
  username,
  email: `${username}@example.com`,
  ...more,
})
const course = (courseId: string, more: object = {}) => ({ type: 'course', courseId, ...more })

/** A file with every type of line and every key. */
const world = [
  user('alice', { name: 'Alice Arden', isStaff: true, country: 'FR', yearOfBirth: 1990 }),
  user('bob', { email: 'Bob@Example.com', isActive: false, isSuperuser: true }),
  user('carol', { email: null }),
  course(COURSE, {
    displayName: 'Demonstration',
    start: '2026-01-01T00:00:00.123456Z',
    end: '2026-12-31T23:59:59Z',
    enrollmentStart: '2025-12-01T00:00:00+02:00',
    enrollmentEnd: '2026-11-30T00:00:00Z',
    invitationOnly: true,
    maxEnrollments: 10,
    selfPaced: true,
  }),
  course(OLD),
  { type: 'mode', courseId: COURSE, slug: 'audit' },
  {
    type: 'mode',
    courseId: COURSE,
    slug: 'verified',
    name: 'Verified Certificate',
    minPrice: 49,
    suggestedPrices: '49, 99',
    currency: 'usd',
    expires: '2026-10-01T00:00:00.000001Z',
    description: 'With an identity check',
    sku: 'SKU1',
    bulkSku: 'BULK1',
  },
  { type: 'mode', courseId: COURSE, slug: 'verified', currency: 'eur', minPrice: 45 },
  { type: 'role', username: 'alice', role: 'staff', org: 'edX', courseId: COURSE },
  { type: 'role', username: 'alice', role: 'instructor', org: 'edX' },
  { type: 'cohort', courseId: COURSE, name: 'Mornings' },
  { type: 'allowance', email: 'Guest@Example.com', courseId: COURSE, autoEnroll: true },
  { type: 'allowance', email: 'bob@example.com', courseId: 'course-v1:none+none+none', claimedBy: 'bob' },
  {
    type: 'enrollment',
    username: 'alice',
    courseId: COURSE,
    mode: 'verified',
    created: '2020-01-02T03:04:05.678901Z',
    attributes: [
      { namespace: 'credit', name: 'provider_id', value: 'hogwarts' },
      { namespace: 'order', name: 'number', value: '' },
    ],
  },
  { type: 'enrollment', username: 'bob', courseId: OLD, mode: 'honor', isActive: false },
  { type: 'retirement', username: 'bob', state: 'PENDING' },
  { type: 'embargo', courseId: COURSE, whitelist: [], blacklist: ['IR', 'KP'], messageKey: 'embargo' },
]

describe('importing a file', () => {
  test('keeps every line, and a second time changes nothing', async () => {
    await using fresh = await createTestDatabase()
    const first = await importAll(fresh.db, world)
    expect(first).toMatchObject({ lines: 17, kept: 17, failed: 0, written: 17, failures: [] })
    expect(first.byType['user']).toEqual({ created: 3, changed: 0, unchanged: 0, failed: 0 })
    const before = await everything(fresh.db)
    expect(before['enrollments']).toHaveLength(2)

    const second = await importAll(fresh.db, world, { now: new Date('2027-01-01T00:00:00Z') })
    expect(second).toMatchObject({ lines: 17, kept: 17, failed: 0, written: 0, failures: [] })
    expect(second.byType['user']).toEqual({ created: 0, changed: 0, unchanged: 3, failed: 0 })
    // Not even rewritten: the transaction that wrote each row is the same.
    expect(await everything(fresh.db)).toEqual(before)
  })

  test('stores what the lines say', async () => {
    await using fresh = await createTestDatabase()
    await importAll(fresh.db, world)
    expect((await exportAll(fresh.db)).split('\n')).toMatchInlineSnapshot(`
      [
        "{"type":"user","id":1,"idDrawnHere":true,"username":"alice","email":"alice@example.com","name":"Alice Arden","isActive":true,"isStaff":true,"isSuperuser":false,"country":"FR","yearOfBirth":1990}",
        "{"type":"user","id":2,"idDrawnHere":true,"username":"bob","email":"Bob@Example.com","name":"","isActive":false,"isStaff":false,"isSuperuser":true,"country":null,"yearOfBirth":null}",
        "{"type":"user","id":3,"idDrawnHere":true,"username":"carol","email":null,"name":"","isActive":true,"isStaff":false,"isSuperuser":false,"country":null,"yearOfBirth":null}",
        "{"type":"course","courseId":"course-v1:edX+DemoX+2026","displayName":"Demonstration","start":"2026-01-01T00:00:00.123456Z","end":"2026-12-31T23:59:59Z","enrollmentStart":"2025-11-30T22:00:00Z","enrollmentEnd":"2026-11-30T00:00:00Z","invitationOnly":true,"maxEnrollments":10,"selfPaced":true}",
        "{"type":"course","courseId":"edX/DemoX/Old","displayName":null,"start":null,"end":null,"enrollmentStart":null,"enrollmentEnd":null,"invitationOnly":false,"maxEnrollments":null,"selfPaced":false}",
        "{"type":"mode","courseId":"course-v1:edX+DemoX+2026","slug":"audit","name":"audit","minPrice":0,"suggestedPrices":"","currency":"usd","expires":null,"description":null,"sku":null,"bulkSku":null}",
        "{"type":"mode","courseId":"course-v1:edX+DemoX+2026","slug":"verified","name":"Verified Certificate","minPrice":49,"suggestedPrices":"49, 99","currency":"usd","expires":"2026-10-01T00:00:00.000001Z","description":"With an identity check","sku":"SKU1","bulkSku":"BULK1"}",
        "{"type":"mode","courseId":"course-v1:edX+DemoX+2026","slug":"verified","name":"verified","minPrice":45,"suggestedPrices":"","currency":"eur","expires":null,"description":null,"sku":null,"bulkSku":null}",
        "{"type":"role","username":"alice","role":"staff","org":"edX","courseId":"course-v1:edX+DemoX+2026"}",
        "{"type":"role","username":"alice","role":"instructor","org":"edX","courseId":null}",
        "{"type":"cohort","courseId":"course-v1:edX+DemoX+2026","name":"Mornings"}",
        "{"type":"allowance","email":"bob@example.com","courseId":"course-v1:none+none+none","autoEnroll":false,"claimedBy":"bob"}",
        "{"type":"allowance","email":"Guest@Example.com","courseId":"course-v1:edX+DemoX+2026","autoEnroll":true,"claimedBy":null}",
        "{"type":"enrollment","username":"alice","courseId":"course-v1:edX+DemoX+2026","mode":"verified","isActive":true,"created":"2020-01-02T03:04:05.678901Z","attributes":[{"namespace":"credit","name":"provider_id","value":"hogwarts"},{"namespace":"order","name":"number","value":""}]}",
        "{"type":"enrollment","username":"bob","courseId":"edX/DemoX/Old","mode":"honor","isActive":false,"created":"2026-03-01T12:00:00Z","attributes":[]}",
        "{"type":"retirement","username":"bob","state":"PENDING"}",
        "{"type":"embargo","courseId":"course-v1:edX+DemoX+2026","whitelist":[],"blacklist":["IR","KP"],"messageKey":"embargo"}",
        "",
      ]
    `)
  })

  test('the order of the types is free where references allow it', async () => {
    await using fresh = await createTestDatabase()
    const mixed = [world[3], world[5], world[0], world[13], world[1], world[4], world[14], world[8], world[15]]
    expect(
      await importAll(
        fresh.db,
        mixed.flatMap((line) => line ?? []),
      ),
    ).toMatchObject({ kept: 9, failed: 0 })
  })

  test('blank lines, carriage returns and a byte order mark do no harm', async () => {
    const lines = ['\uFEFF' + JSON.stringify(user('windows')), '', '  \r', `${JSON.stringify(user('windows2'))}\r`, '']
    expect(await importAll(database.db, lines)).toMatchObject({ lines: 2, kept: 2, failed: 0 })
  })

  test('a line sets its whole row: what it leaves out gets its default again', async () => {
    await importAll(database.db, [user('whole', { name: 'Name', isStaff: true, country: 'DE', yearOfBirth: 1980 })])
    expect(await importAll(database.db, [user('whole')])).toMatchObject({ written: 1 })
    const row = await database.db
      .selectFrom('learners')
      .select(['name', 'is_staff', 'country', 'year_of_birth'])
      .where('username', '=', 'whole')
      .executeTakeFirst()
    expect(row).toEqual({ name: '', is_staff: false, country: null, year_of_birth: null })
  })

  test('branch and version of a course key are not stored', async () => {
    await importAll(database.db, [course('course-v1:edX+Branch+2026+branch@draft')])
    const lines = await importAll(database.db, [{ type: 'cohort', courseId: 'course-v1:edX+Branch+2026', name: 'A' }])
    expect(lines).toMatchObject({ kept: 1, failed: 0 })
  })
})

describe('a bad line is reported with its number, and the others are kept', () => {
  test('whatever is wrong with it', async () => {
    await using fresh = await createTestDatabase()
    await importAll(fresh.db, [user('alice'), user('bob'), course(COURSE)])
    const lines = [
      'nonsense',
      user('dave'),
      { type: 'mode', courseId: 'course-v1:no+no+no', slug: 'audit' },
      { type: 'mode', courseId: COURSE, slug: 'audit' },
      { type: 'cohort', courseId: 'course-v1:no+no+no', name: 'A' },
      { type: 'embargo', courseId: 'course-v1:no+no+no' },
      { type: 'role', username: 'nobody', role: 'staff', org: 'edX' },
      { type: 'role', username: 'dave', role: 'staff', org: 'edX', courseId: 'course-v1:no+no+no' },
      { type: 'allowance', email: 'a@example.com', courseId: COURSE, claimedBy: 'nobody' },
      { type: 'allowance', email: 'a@example.com', courseId: 'course-v1:no+no+no' },
      '',
      { type: 'enrollment', username: 'nobody', courseId: COURSE, mode: 'audit' },
      { type: 'enrollment', username: 'dave', courseId: 'course-v1:no+no+no', mode: 'audit' },
      { type: 'enrollment', username: 'dave', courseId: COURSE, mode: 'anything' },
      { type: 'retirement', username: 'nobody', state: 'PENDING' },
      user('erin', { email: 'ALICE@example.com' }),
      { type: 'course', courseId: 'x' },
    ]
    const { failures, ...counts } = await importAll(fresh.db, lines)
    expect(failures).toEqual([
      { line: 1, type: null, reason: expect.stringMatching(/^not JSON: /) },
      { line: 3, type: 'mode', reason: "mode: courseId: there is no course run 'course-v1:no+no+no'" },
      { line: 5, type: 'cohort', reason: "cohort: courseId: there is no course run 'course-v1:no+no+no'" },
      { line: 6, type: 'embargo', reason: "embargo: courseId: there is no course run 'course-v1:no+no+no'" },
      { line: 7, type: 'role', reason: "role: username: there is no account 'nobody'" },
      { line: 9, type: 'allowance', reason: "allowance: claimedBy: there is no account 'nobody'" },
      { line: 12, type: 'enrollment', reason: "enrollment: username: there is no account 'nobody'" },
      { line: 13, type: 'enrollment', reason: "enrollment: courseId: there is no course run 'course-v1:no+no+no'" },
      { line: 15, type: 'retirement', reason: "retirement: username: there is no account 'nobody'" },
      { line: 16, type: 'user', reason: "user: email: 'ALICE@example.com' belongs to the account 'alice'" },
      { line: 17, type: 'course', reason: "course: courseId: 'x' is not a course key" },
    ])
    expect(counts).toMatchObject({ lines: 16, kept: 5, failed: 11, written: 5 })
    const { user: users, course: runs } = counts.byType
    expect({ users, runs }).toEqual({
      users: { created: 1, changed: 0, unchanged: 0, failed: 1 },
      runs: { created: 0, changed: 0, unchanged: 0, failed: 1 },
    })
  })

  test('a reference to a later line is bad', async () => {
    const { failures } = await importAll(database.db, [
      { type: 'role', username: 'later', role: 'staff', org: 'edX' },
      user('later'),
    ])
    expect(failures).toEqual([{ line: 1, type: 'role', reason: "role: username: there is no account 'later'" }])
  })

  test('strict keeps nothing then, and reports every one of them', async () => {
    await using fresh = await createTestDatabase()
    await importAll(fresh.db, world)
    const before = await everything(fresh.db)
    const lines = [
      user('alice', { name: 'Another name' }),
      user('new'),
      'nonsense',
      { type: 'enrollment', username: 'new', courseId: COURSE, mode: 'audit' },
      { type: 'enrollment', username: 'nobody', courseId: COURSE, mode: 'audit' },
    ]
    expect(await importAll(fresh.db, lines, { strict: true })).toMatchObject({
      lines: 5,
      kept: 0,
      failed: 2,
      written: 0,
      failures: [{ line: 3 }, { line: 5 }],
    })
    expect(await everything(fresh.db)).toEqual(before)

    // The control: the same good lines without the bad ones stay.
    const good = lines.filter((_, index) => ![2, 4].includes(index))
    expect(await importAll(fresh.db, good, { strict: true })).toMatchObject({ kept: 3, failed: 0, written: 3 })
    expect(await everything(fresh.db)).not.toEqual(before)
  })

  test('in a transaction of somebody else, strict takes back only the import', async () => {
    await using fresh = await createTestDatabase()
    await fresh.db.transaction().execute(async (trx) => {
      await importAll(trx, [user('mine')])
      expect(await importAll(trx, [user('theirs'), 'nonsense'], { strict: true })).toMatchObject({ kept: 0 })
    })
    const names = await fresh.db.selectFrom('learners').select('username').execute()
    expect(names).toEqual([{ username: 'mine' }])
  })
})

describe('lines of one row beside each other come to what they come to one after another', () => {
  test('the last one stays', async () => {
    await using fresh = await createTestDatabase()
    await importAll(fresh.db, [
      user('alice', { name: 'First' }),
      user('alice', { name: 'Last' }),
      course(COURSE, { displayName: 'First' }),
      course(COURSE, { displayName: 'Last' }),
      { type: 'mode', courseId: COURSE, slug: 'audit', name: 'First' },
      { type: 'mode', courseId: COURSE, slug: 'audit', name: 'Last' },
      { type: 'role', username: 'alice', role: 'staff', org: 'edX' },
      { type: 'role', username: 'alice', role: 'staff', org: 'edX', courseId: null },
      { type: 'cohort', courseId: COURSE, name: 'A' },
      { type: 'cohort', courseId: COURSE, name: 'A' },
      { type: 'allowance', email: 'a@example.com', courseId: COURSE, claimedBy: 'alice' },
      { type: 'allowance', email: 'A@example.com', courseId: COURSE, autoEnroll: true },
      { type: 'retirement', username: 'alice', state: 'PENDING' },
      { type: 'retirement', username: 'alice', state: 'COMPLETE' },
      { type: 'embargo', courseId: COURSE, messageKey: 'first' },
      { type: 'embargo', courseId: COURSE, messageKey: 'last' },
    ])
    expect(
      (await exportAll(fresh.db))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { type: 'user', name: 'Last' },
      { type: 'course', displayName: 'Last' },
      { type: 'mode', name: 'Last' },
      { type: 'role', courseId: null },
      { type: 'cohort', name: 'A' },
      { type: 'allowance', email: 'A@example.com', autoEnroll: true, claimedBy: 'alice' },
      { type: 'retirement', state: 'COMPLETE' },
      { type: 'embargo', messageKey: 'last' },
    ])
  })

  test('an address that one line sets free may be taken by the next one, even in exchange', async () => {
    await using fresh = await createTestDatabase()
    await importAll(fresh.db, [user('alice'), user('bob'), user('carol')])
    const lines = [
      user('alice', { email: 'new@example.com' }),
      user('bob', { email: 'ALICE@example.com' }),
      user('carol', { email: 'bob@example.com' }),
      user('dave', { email: 'carol@example.com' }),
      user('erin', { email: 'Carol@example.com' }),
      user('alice', { email: 'bob@example.com' }),
    ]
    expect(await importAll(fresh.db, lines)).toMatchObject({
      kept: 4,
      failures: [
        { line: 5, reason: "user: email: 'Carol@example.com' belongs to the account 'dave'" },
        { line: 6, reason: "user: email: 'bob@example.com' belongs to the account 'carol'" },
      ],
    })
    const rows = await fresh.db.selectFrom('learners').select(['username', 'email']).orderBy('username').execute()
    expect(rows).toEqual([
      { username: 'alice', email: 'new@example.com' },
      { username: 'bob', email: 'ALICE@example.com' },
      { username: 'carol', email: 'bob@example.com' },
      { username: 'dave', email: 'carol@example.com' },
    ])
  })

  test('any list of accounts, in one piece or line by line', async () => {
    const account = fc.record({
      type: fc.constant('user'),
      username: fc.constantFrom('a', 'b', 'c', 'd'),
      email: fc.constantFrom(null, 'x@e.io', 'X@e.io', 'y@e.io', 'z@e.io'),
    })
    await using together = await createTestDatabase()
    await using apart = await createTestDatabase()
    await fc.assert(
      fc.asyncProperty(fc.array(account, { maxLength: 12 }), async (lines) => {
        const failed = (await importAll(together.db, lines)).failures.map((failure) => failure.line)
        const failedApart: number[] = []
        for (const [index, line] of lines.entries()) {
          if ((await importAll(apart.db, [line])).failed > 0) failedApart.push(index + 1)
        }
        expect(failed).toEqual(failedApart)
        expect(await emails(together)).toEqual(await emails(apart))
      }),
      { numRuns: 30 },
    )
  })
})

test('a file in any order comes to what its lines come to one after another, the bad ones included', async () => {
  await using together = await createTestDatabase()
  await using apart = await createTestDatabase()
  const shuffled = anyFile().chain((lines) => fc.shuffledSubarray(lines, { minLength: lines.length }))
  let everFailed = 0
  await fc.assert(
    fc.asyncProperty(shuffled, async (lines) => {
      await Promise.all([empty(together.db), empty(apart.db)])
      const { failures, kept } = await importAll(together.db, lines)
      const failuresApart: LineFailure[] = []
      for (const [index, line] of lines.entries()) {
        const [failure] = (await importAll(apart.db, [line])).failures
        if (failure) failuresApart.push({ ...failure, line: index + 1 })
      }
      everFailed += failures.length
      expect(failures).toEqual(failuresApart)
      expect(kept).toBe(lines.length - failures.length)
      expect(await exportAll(together.db)).toBe(await exportAll(apart.db))
    }),
    { numRuns: 20 },
  )
  expect(everFailed).toBeGreaterThan(0)
})

describe('allowances', () => {
  test('a claim stays where a line does not speak of it, and goes where the line says null', async () => {
    const allowance = { type: 'allowance', email: 'claim@example.com', courseId: COURSE }
    const claim = async () => {
      const row = await database.db
        .selectFrom('enrollment_allowances as w')
        .leftJoin('learners as l', 'l.id', 'w.claimed_by')
        .select('l.username')
        .where('w.email', '=', 'claim@example.com')
        .executeTakeFirst()
      return row?.username
    }
    await importAll(database.db, [user('claimer'), { ...allowance, claimedBy: 'claimer' }])
    expect(await claim()).toBe('claimer')
    await importAll(database.db, [{ ...allowance, autoEnroll: true }])
    expect(await claim()).toBe('claimer')
    await importAll(database.db, [{ ...allowance, claimedBy: null }])
    expect(await claim()).toBeNull()
  })
})

async function emails({ db }: TestDatabase) {
  return db.selectFrom('learners').select(['username', 'email']).orderBy('username').execute()
}
