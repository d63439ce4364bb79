import type { Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { LineOf } from './lines.ts'
import { resolveRows, type GroupContext, type GroupOutcome, type Numbered } from './outcome.ts'
import { learnerFinder, noAccount } from './references.ts'
import { upsert, type UpsertTarget } from './upsert.ts'
import { lowerCased } from './lower-case.ts'

const ALLOWANCES = {
  table: 'enrollment_allowances',
  conflict: 'lower(email), course_key',
  match: 'lower(t.email) = lower(line.email) and t.course_key = line.course_key',
  columns: {
    email: ['text', 'value'],
    course_key: ['text', 'key'],
    auto_enroll: ['boolean', 'value'],
  },
} as const satisfies UpsertTarget

const CLAIMED_ALLOWANCES = {
  ...ALLOWANCES,
  columns: { ...ALLOWANCES.columns, claimed_by: ['integer', 'value'] },
} as const satisfies UpsertTarget

interface Row {
  readonly email: string
  readonly course_key: string
  readonly auto_enroll: boolean
  /** Undefined: stays as it is, because a learner may have claimed the allowance since the file was written. */
  readonly claimed_by: number | null | undefined
}

/** Imports allowances; the course run need not exist. */
export async function importAllowances(
  trx: Transaction<DB>,
  lines: readonly Numbered<'allowance'>[],
  { added }: GroupContext,
): Promise<GroupOutcome> {
  const learnerOf = await learnerFinder(
    trx,
    lines.flatMap(({ line }) => line.claimedBy ?? []),
    added,
  )
  const lower = await lowerCased(
    trx,
    lines.map(({ line }) => line.email),
  )
  const { rows, failures } = resolveRows<LineOf<'allowance'>, Row>(lines, ({ number, line }, earlier) => {
    const claimedBy = typeof line.claimedBy === 'string' ? learnerOf(line.claimedBy, number) : line.claimedBy
    if (typeof line.claimedBy === 'string' && claimedBy === undefined) {
      return { reason: `claimedBy: ${noAccount(line.claimedBy)}` }
    }
    const key = `${lower.get(line.email)} ${line.courseId.stored}`
    const row = { email: line.email, course_key: line.courseId.stored, auto_enroll: line.autoEnroll }
    return { key, row: { ...row, claimed_by: claimedBy === undefined ? earlier(key)?.claimed_by : claimedBy } }
  })
  const said = rows.flatMap(({ claimed_by, ...row }) => (claimed_by === undefined ? [] : [{ ...row, claimed_by }]))
  const unsaid = rows.filter((row) => row.claimed_by === undefined)
  const written = await upsert(trx, CLAIMED_ALLOWANCES, said)
  return { failures, written: written + (await upsert(trx, ALLOWANCES, unsaid)) }
}
