// slow: many calls against each other
import { sql, type Kysely } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { createCaller, enrollmentErrorFrom, type EnrollmentEvent, type Outcome } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addAllowance, addCourse, addLearners, addRole } from '../../support/seed.ts'
import { eventually } from '../../support/eventually.ts'

const actor = { kind: 'service', name: 'tests' } as const
/** Calls and batches of each worker: a number, not a time, so that as much happens on a slow machine. */
const WORKS_EACH = 60
const SEATS = 12

const database = await createTestDatabase()
const { db, connectionString } = database
// Without a deadline: what becomes of a call that is given up nobody is told.
const pools = [1, 2].map(() => openDatabase({ connectionString, requestDeadlineMs: 0 }))
afterAll(async () => {
  for (const pool of pools) await pool.destroy()
  await database[Symbol.asyncDispose]()
})

const learners = await addLearners(db, 30)
const open = await addCourse(db)
const invited = await addCourse(db, { invitation_only: true })
const capped = await addCourse(db, { max_enrollments: SEATS })
for (const { email } of learners.slice(0, 15)) await addAllowance(db, email, invited)
for (const learner of learners.slice(0, 3)) await addRole(db, learner, 'staff', capped)

/** What calls were told that was committed. */
const told: Outcome[] = []
const codes = new Set<string>()

beforeAll(async () => {
  const workers = Array.from({ length: 12 }, async (_, worker) => {
    const pool = pools[worker % 2] ?? db
    for (let done = 0; done < WORKS_EACH; done += 1) {
      const work = anyOf(WORKS)
      await work(pool).catch((error: unknown) => codes.add(enrollmentErrorFrom(error)?.code ?? inWords(error)))
    }
  })
  await Promise.all(workers)
})

describe('after everything at once', () => {
  test('nothing failed but by a rule, or by others being faster too often', () => {
    expect([...codes].filter((code) => !EXPECTED.test(code))).toEqual([])
    expect(told.length).toBeGreaterThan(100)
  })

  test('no more seats are taken than there are', async () => {
    const { rows } = await sql<{ taken: number }>`
      select count(*)::integer as taken from enrollments e join courses c on c.id = e.course_id
      where c.course_key = ${capped} and e.is_active and not exists (
        select from roles r where r.learner_id = e.learner_id and r.course_key = c.course_key)`.execute(db)
    expect(rows[0]?.taken).toBeLessThanOrEqual(SEATS)
    expect(rows[0]?.taken).toBeGreaterThan(0)
  })

  test('the versions of each enrollment run from one without a gap, each from where the one before ended', async () => {
    for (const events of (await history()).values()) {
      expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 1))
      expect(events.map(({ before }) => before)).toEqual([null, ...events.slice(0, -1).map(({ after }) => after)])
    }
  })

  test('the events, played again, come to the enrollments that are there', async () => {
    const played = new Map([...(await history())].map(([id, events]) => [id, events.at(-1)]))
    const rows = await db.selectFrom('enrollments').select(['id', 'version', 'mode', 'is_active']).execute()
    expect(rows.length).toBeGreaterThan(10)
    expect(
      rows.map(({ id, version, mode, is_active: isActive }) => ({ id, version, after: { mode, isActive } })),
    ).toEqual(rows.map(({ id }) => ({ id, version: played.get(id)?.version, after: played.get(id)?.after })))
    expect(played.size).toBe(rows.length)
  })

  test('what callers were told is what happened, each change once', async () => {
    const events = new Map((await feed()).map((event) => [event.id, event]))
    const changes = told.filter(({ eventId }) => eventId !== null)
    expect(new Set(changes.map(({ eventId }) => eventId)).size).toBe(changes.length)
    expect(changes.length).toBe(events.size)
    for (const { eventId, kind, before, enrollment } of changes) {
      const { id, version, mode, isActive } = enrollment
      expect(events.get(eventId ?? '')).toMatchObject({
        kind,
        version,
        before,
        after: { mode, isActive },
        enrollmentId: id,
      })
    }
  })

  test('each allowance belongs to its learner, and only those who had one came in', async () => {
    const claimed = await db.selectFrom('enrollment_allowances').select(['email', 'claimed_by']).execute()
    const owners = new Map(learners.map(({ email, id }) => [email, id]))
    for (const { email, claimed_by: by } of claimed) expect([null, owners.get(email)]).toContain(by)
    const { items } = await createCaller({ db, actor }).enrollment.search({ courseIds: [invited], limit: 1000 })
    const holders = claimed.filter((row) => row.claimed_by !== null).map((row) => String(row.claimed_by))
    expect(items.map(({ userId }) => userId).toSorted()).toEqual(holders.toSorted())
  })
})

const EXPECTED = /^(courseFull|enrollmentClosed|notEnrolled|unavailable|rolled back)$/

const WORKS: ((pool: Kysely<DB>) => Promise<unknown>)[] = [
  async (pool) => tell(await createCaller({ db: pool, actor }).enrollment.enroll(anyItem())),
  async (pool) => tell(await createCaller({ db: pool, actor }).enrollment.change({ ...anyPair(), isActive: false })),
  async (pool) => tell(await createCaller({ db: pool, actor }).enrollment.change({ ...openPair(), mode: anyMode() })),
  async (pool) => {
    const { outcomes } = await createCaller({ db: pool, actor }).enrollment.unenrollAll({ username: anyName() })
    tell(...outcomes)
  },
  async (pool) => {
    const items = Array.from({ length: 10 }, anyItem)
    const failureMode = anyOf(['bestEffort', 'strict'] as const)
    const { results } = await createCaller({ db: pool, actor }).enrollment.enrollMany({ items, failureMode })
    tell(...results.flatMap((result) => (result.ok ? [result.outcome] : [])))
  },
  async (pool) => {
    const outcomes = await pool.transaction().execute(async (trx) => {
      const { enrollment } = createCaller({ db: trx, actor })
      return [await enrollment.enroll({ ...openPair(), force: true })]
    })
    tell(...outcomes)
  },
  (pool) =>
    pool
      .transaction()
      .execute(async (trx) => {
        await createCaller({ db: trx, actor }).enrollment.enroll(anyItem())
        throw new Error('rolled back')
      })
      .catch((error: unknown) => (String(error) === 'Error: rolled back' ? undefined : Promise.reject(error))),
]

function tell(...outcomes: readonly Outcome[]): void {
  told.push(...outcomes)
}

/** An item that takes no seat but by the rules. */
function anyItem() {
  const attributes = anyOf([undefined, [], [{ namespace: 'a', name: 'b', value: String(Math.random()) }]])
  return { ...anyPair(), mode: anyMode(), isActive: Math.random() < 0.9, attributes }
}

function anyPair() {
  return { username: anyName(), courseId: anyOf([open, invited, capped]) }
}

function openPair() {
  return { username: anyName(), courseId: open }
}

function anyName(): string {
  return anyOf(learners).username
}

function anyMode(): string {
  return anyOf(['audit', 'verified'])
}

function anyOf<T>(all: readonly T[]): T {
  return all[Math.floor(Math.random() * all.length)] as T // No list here is empty.
}

async function history(): Promise<Map<string, EnrollmentEvent[]>> {
  const all = Map.groupBy(await feed(), (event) => event.enrollmentId)
  for (const events of all.values()) events.sort((a, b) => a.version - b.version)
  return all
}

/** All events, by the feed. */
async function feed(): Promise<EnrollmentEvent[]> {
  const { rows } = await sql<{ n: number }>`select count(*)::integer as n from enrollment_events`.execute(db)
  return eventually(async () => {
    const all: EnrollmentEvent[] = []
    for (let after: string | undefined; ;) {
      const page = await createCaller({ db, actor }).events.list({ limit: 1000, ...(after && { after }) })
      all.push(...page.events)
      after = page.cursor
      if (page.events.length === 0) break
    }
    expect(all).toHaveLength(rows[0]?.n ?? 0)
    return all
  })
}

/** What the doors keep to themselves belongs to whoever reads a failing test. */
function inWords(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? `${error}: ${inWords(error.cause)}` : String(error)
}
