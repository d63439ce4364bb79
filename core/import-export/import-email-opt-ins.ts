import type { Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { resolveRows, sumOf, type GroupContext, type GroupOutcome, type Numbered } from './group-importer.ts'
import { learnerFinder, noAccount } from './references.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const OPT_INS = {
  table: 'email_optins',
  conflict: 'learner_id, org',
  match: 't.learner_id = line.learner_id and t.org = line.org',
  columns: {
    learner_id: ['integer', 'key'],
    org: ['text', 'key'],
    value: ['text', 'value'],
    updated: ['timestamptz', 'metadata'],
  },
} as const satisfies UpsertTarget

const DATED_OPT_INS = {
  ...OPT_INS,
  columns: { ...OPT_INS.columns, updated: ['timestamptz', 'value'] },
} as const satisfies UpsertTarget

/** Imports whether learners want e-mail from organisations (rest-v1 §1.13), as it was said: no age is looked at. */
export async function importEmailOptIns(
  trx: Transaction<DB>,
  lines: readonly Numbered<'emailOptIn'>[],
  { metadata, added }: GroupContext,
): Promise<GroupOutcome> {
  const usernames = lines.map(({ line }) => line.username)
  const learnerIdOf = await learnerFinder(trx, usernames, added)
  const now = instantFromDate(metadata.now)
  const { rows, failures } = resolveRows(lines, ({ number, line }) => {
    const learnerId = learnerIdOf(line.username, number)
    if (learnerId === undefined) return { reason: `username: ${noAccount(line.username)}` }
    const row = { learner_id: learnerId, org: line.org, value: line.value, updated: line.updated ?? now }
    return { key: `${learnerId} ${line.org}`, row: { ...row, isDated: line.updated !== undefined } }
  })
  const dated = await upsert(
    trx,
    DATED_OPT_INS,
    rows.filter(({ isDated }) => isDated),
  )
  const undated = await upsert(
    trx,
    OPT_INS,
    rows.filter(({ isDated }) => !isDated),
  )
  return { failures, ...sumOf(dated, undated) }
}
