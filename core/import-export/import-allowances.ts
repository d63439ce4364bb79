import type { Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { noteArrivals } from '../auto-enrollment/arrivals.ts'
import { foldEmail } from '../learner/email-address.ts'
import type { LineOf } from './lines.ts'
import { resolveRows, sumOf, type GroupContext, type GroupOutcome, type Numbered } from './group-importer.ts'
import { learnerFinder, noAccount } from './references.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const ALLOWANCES = {
  table: 'enrollment_allowances',
  conflict: 'fold_email(email), course_key',
  match: 'fold_email(t.email) = fold_email(line.email) and t.course_key = line.course_key',
  columns: {
    email: ['text', 'value'],
    course_key: ['text', 'key'],
    auto_enroll: ['boolean', 'value'],
    made: ['timestamptz', 'optional'],
  },
} as const satisfies UpsertTarget

const CLAIMED_ALLOWANCES = {
  ...ALLOWANCES,
  columns: { ...ALLOWANCES.columns, claimed_by: ['integer', 'value'] },
} as const satisfies UpsertTarget

interface AllowanceRow {
  readonly email: string
  readonly course_key: string
  readonly auto_enroll: boolean
  /** Null: stays as it is. */
  readonly made: string | null
  /** Undefined: stays as it is, as a learner may have claimed the allowance since the file was written. */
  readonly claimed_by: number | null | undefined
}

/** Imports allowances; the course run need not exist. */
export async function importAllowances(
  trx: Transaction<DB>,
  lines: readonly Numbered<'allowance'>[],
  { added, arrived }: GroupContext,
): Promise<GroupOutcome> {
  const learnerIdOf = await learnerFinder(
    trx,
    lines.flatMap(({ line }) => line.claimedBy ?? []),
    added,
  )
  const { rows, failures } = resolveRows<LineOf<'allowance'>, AllowanceRow>(lines, ({ number, line }, earlier) => {
    const claimedBy = typeof line.claimedBy === 'string' ? learnerIdOf(line.claimedBy, number) : line.claimedBy
    if (typeof line.claimedBy === 'string' && claimedBy === undefined) {
      return { reason: `claimedBy: ${noAccount(line.claimedBy)}` }
    }
    const key = `${foldEmail(line.email)} ${line.courseId.stored}`
    const made = line.created ?? earlier(key)?.made ?? null
    const row = { email: line.email, course_key: line.courseId.stored, auto_enroll: line.autoEnroll, made }
    return { key, row: { ...row, claimed_by: claimedBy === undefined ? earlier(key)?.claimed_by : claimedBy } }
  })
  const withClaim = rows.flatMap(({ claimed_by, ...row }) => (claimed_by === undefined ? [] : [{ ...row, claimed_by }]))
  const withoutClaim = rows.filter((row) => row.claimed_by === undefined)
  const written = await upsert(trx, CLAIMED_ALLOWANCES, withClaim)
  const all = sumOf(written, await upsert(trx, ALLOWANCES, withoutClaim))
  // As if one line after another: whoever came after the allowance is enrolled, whoever was there before is not.
  const arrivals = lines.flatMap(({ number, line }) => {
    const account = arrived.get(foldEmail(line.email))
    return line.autoEnroll && account !== undefined && number < account.number ? account.username : []
  })
  await noteArrivals(trx, [...new Set(arrivals)], 'cli')
  return { failures, ...all }
}
