import type { Kysely } from 'kysely'
import type { EnterpriseDB } from '../enterprise/database/schema.ts'
import type { LedgerTable } from './database.ts'
import type { World } from './world.ts'

/** How many rows there are of each kind. */
export type Counts = Readonly<Record<string, number>>

/** Counts what a customer of the example has. */
export async function countRows(
  db: Kysely<EnterpriseDB & LedgerTable>,
  { customer, courseIds }: Pick<World, 'customer' | 'courseIds'>,
): Promise<Counts> {
  const { countAll } = db.fn
  const ledger = db.selectFrom('example_ledger').where('customer', '=', customer.uuid)
  const enrollments = db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .where('c.course_key', 'in', courseIds)
  const events = enrollments.innerJoin('enrollment_events as v', 'v.enrollment_id', 'e.id')
  const links = db.selectFrom('enterprise_learner_links as k').where('k.customer_id', '=', customer.id)
  const records = links.innerJoin('enterprise_enrollment_records as r', 'r.link_id', 'k.id')
  const fulfilments = records.innerJoin('enterprise_fulfilments as f', 'f.record_id', 'r.id')
  const notifications = db
    .selectFrom('enterprise_notification_intents as n')
    .innerJoin('enterprise_batches as b', 'b.id', 'n.batch_id')
    .where('b.customer_id', '=', customer.id)
  const queries = {
    'ledger rows': ledger.select(countAll<string>().as('rows')),
    'active enrollments': enrollments.where('e.is_active', '=', true).select(countAll<string>().as('rows')),
    events: events.select(countAll<string>().as('rows')),
    'learner links': links.select(countAll<string>().as('rows')),
    'enrollment records': records.select(countAll<string>().as('rows')),
    fulfilments: fulfilments.select(countAll<string>().as('rows')),
    'learners to tell': notifications.select(countAll<string>().as('rows')),
  }
  const counts: Record<string, number> = {}
  for (const [name, query] of Object.entries(queries)) {
    counts[name] = Number((await query.executeTakeFirstOrThrow()).rows)
  }
  return counts
}

/** Lays counts out side by side; a column that is undefined is left out. */
export function countsTable(columns: Record<string, Counts | undefined>): string {
  const shown = Object.entries(columns).flatMap(([head, counts]) => (counts === undefined ? [] : [{ head, counts }]))
  const names = Object.keys(shown[0]?.counts ?? {})
  const line = (name: string, cells: readonly (string | number)[]) =>
    `   ${name.padEnd(20)}${cells.map((cell) => String(cell).padStart(8)).join('')}`
  const heads = line(
    '',
    shown.map(({ head }) => head),
  )
  const rows = names.map((name) =>
    line(
      name,
      shown.map(({ counts }) => counts[name] ?? 0),
    ),
  )
  return `${[heads, ...rows].join('\n')}\n`
}
