import type { Kysely } from 'kysely'
import type { EnterpriseDB } from '../../enterprise/database/schema.ts'
import type { EnrollLearnersRequest } from '../../enterprise/bulk/request.ts'
import { enrollLearners } from '../../enterprise/enroll-learners.ts'
import type { DoneRow, EnrollLearnersAnswer, RefusedRow, RowOutcome } from '../../enterprise/bulk/answer.ts'
import type { Context } from '../../routers/index.ts'

/** The day on which everything happens. */
export const NOW = new Date('2026-03-01T12:00:00.000Z')
export const PAST = '2026-02-01T00:00:00Z'
export const FUTURE = '2026-04-01T00:00:00Z'

export type RowRequest = EnrollLearnersRequest['rows'][number]
export type Options = Partial<Omit<EnrollLearnersRequest, 'customer' | 'rows'>>

/** What a test calls with, unless it says otherwise. */
export function contextOf(db: Kysely<EnterpriseDB>, overrides: Partial<Context> = {}): Context {
  return { db, actor: { kind: 'user', name: 'admin' }, now: () => NOW, ...overrides }
}

/** Calls `enrollLearners` for a customer. */
export function enroll(
  db: Kysely<EnterpriseDB>,
  customer: { uuid: string },
  rows: RowRequest[],
  options: Options = {},
): Promise<EnrollLearnersAnswer> {
  return enrollLearners(contextOf(db), { customer: customer.uuid, rows, ...options })
}

/** The outcome of one row, which succeeds. */
export async function done(
  db: Kysely<EnterpriseDB>,
  customer: { uuid: string },
  row: RowRequest,
  options: Options = {},
) {
  const outcome = await only(enroll(db, customer, [row], options))
  if (!outcome.ok) throw new Error(`Refused: ${outcome.message}`)
  return outcome satisfies DoneRow
}

/** The outcome of one row, which is refused. */
export async function refused(
  db: Kysely<EnterpriseDB>,
  customer: { uuid: string },
  row: RowRequest,
  options: Options = {},
) {
  const outcome = await only(enroll(db, customer, [row], options))
  if (outcome.ok) throw new Error(`Not refused but ${outcome.kind}`)
  return outcome satisfies RefusedRow
}

/** What each row came to, in a word. */
export function kindsOf({ rows }: EnrollLearnersAnswer): string[] {
  return rows.map((row) => (row.ok ? row.kind : row.code))
}

async function only(answer: Promise<EnrollLearnersAnswer>): Promise<RowOutcome> {
  const [row, ...others] = (await answer).rows
  if (row === undefined || others.length > 0) throw new Error('One row has one outcome')
  return row
}
