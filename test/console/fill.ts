import { sql, type Kysely } from 'kysely'
import { enrollLearners } from '../../enterprise/enroll-learners.ts'
import type { EnterpriseTables } from '../../enterprise/database/schema.ts'
import type { DB } from '../../core/database/schema.ts'
import { createCaller } from '../../routers/index.ts'

/** A customer of the console's tests. */
export const CUSTOMER = '5d1f9c0e-3c0a-4b7e-9b1e-6f0c1f2a3b4c'
export const WEBHOOK_SETTINGS = { secretKeys: ['key-of-the-console-0123456789abcdef'], allowedNetworks: [] }
export const LONG_NAME = 'Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz Grundlagen'
export const RTL = { username: 'layla', name: 'ليلى الأنصاري', email: 'layla@example.com' }

/**
 * Fills a database that has the demo catalogue with something for every view: changes of several kinds and ways in, a customer with
 * learners and with addresses that have no account, an endpoint of webhooks with deliveries, a long name and an Arabic one.
 */
export async function fillConsole(db: Kysely<DB>): Promise<void> {
  const caller = createCaller({ db, actor: { kind: 'service', name: 'registrar' }, webhooks: WEBHOOK_SETTINGS })
  await db.insertInto('learners').values(RTL).execute()
  await db
    .insertInto('learners')
    .values({ username: 'x'.repeat(150), name: LONG_NAME, email: null })
    .execute()
  await caller.webhooks.create({ url: 'https://hooks.example.com/enrollments', description: 'Data warehouse' })
  await caller.webhooks.create({ url: 'https://crm.example.org/in', kinds: ['created', 'deactivated'] })
  const courses = await db.selectFrom('courses').select(['course_key']).orderBy('course_key').execute()
  const learners = await db.selectFrom('learners').select('username').orderBy('id').limit(90).execute()
  const items = courses.flatMap(({ course_key: courseId }, course) =>
    learners
      .filter((_, index) => index % (course + 2) === 0)
      .map(({ username }) => ({ username, courseId, reason: 'Spring intake' })),
  )
  await caller.enrollment.enrollMany({
    items: [...items, ...courses.map((c) => ({ username: RTL.username, courseId: c.course_key }))],
  })
  const { items: some } = await caller.enrollment.search({ usernames: [RTL.username], isActive: true })
  for (const { courseId } of some.slice(0, 3)) {
    await caller.enrollment.change({ username: RTL.username, courseId, isActive: false, reason: 'Asked to leave' })
  }
  await addCustomer(
    db,
    some.map(({ courseId }) => courseId),
  )
}

async function addCustomer(db: Kysely<DB>, courseIds: readonly string[]): Promise<void> {
  const tables = db.$extendTables<EnterpriseTables>()
  await tables
    .insertInto('enterprise_customers')
    .values([
      { uuid: CUSTOMER, name: 'Nordlicht Versicherung AG', slug: 'nordlicht' },
      { uuid: '8a6f1c52-0000-4000-8000-000000000001', name: 'Harbor Logistics', slug: 'harbor' },
    ])
    .execute()
  const [first = '', second = ''] = courseIds
  const rows = [
    { username: RTL.username, courseId: first, funding: { license: '0c7d3a10-0000-4000-8000-000000000001' } },
    ...['ana', 'ben', 'chloé', 'dmitri'].flatMap((name) =>
      [first, second].map((courseId) => ({ email: `${name}@nordlicht.example`, courseId })),
    ),
  ]
  const actor = { kind: 'service', name: 'license-manager' } as const
  await enrollLearners({ db, actor }, { customer: CUSTOMER, rows })
}

/** Adds so many learners with names and addresses, all enrolled in one course run. */
export async function addRoster(db: Kysely<DB>, courseId: string, count: number): Promise<void> {
  // In parts, each of which has its own time.
  for (let from = 1; from <= count; from += PART) {
    await sql`insert into learners (username, name, email)
      select 'roster' || n, 'Learner Number ' || n, 'roster' || n || '@example.com'
      from generate_series(${from}::integer, ${Math.min(from + PART - 1, count)}::integer) n`.execute(db)
    await sql`insert into enrollments (learner_id, course_id, mode, is_active, created, updated)
      select l.id, c.id, 'audit', true, now() - l.id * interval '1 second', now() from courses c, generate_series(
        ${from}::integer, ${Math.min(from + PART - 1, count)}::integer) n join learners l on l.username = 'roster' || n
      where c.course_key = ${courseId}`.execute(db)
  }
  await sql`analyze learners, enrollments`.execute(db)
}

const PART = 10_000
