import { sql, type Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { resolveRows, type GroupContext, type GroupOutcome, type Numbered } from './group-importer.ts'
import { quote } from './printable.ts'
import { learnerFinder, noAccount } from './references.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const ROLES = {
  table: 'roles',
  conflict: 'learner_id, role, org, course_key',
  match: `t.learner_id = line.learner_id and t.role = line.role and t.org = line.org
    and t.course_key is not distinct from line.course_key`,
  columns: {
    learner_id: ['integer', 'key'],
    role: ['text', 'key'],
    org: ['text', 'key'],
    course_key: ['text', 'key'],
  },
} as const satisfies UpsertTarget

/** Imports roles; the course run need not exist. */
export async function importRoles(
  trx: Transaction<DB>,
  lines: readonly Numbered<'role'>[],
  { added }: GroupContext,
): Promise<GroupOutcome> {
  const learnerIdOf = await learnerFinder(
    trx,
    lines.map(({ line }) => line.username),
    added,
  )
  const { rows, failures } = resolveRows(lines, ({ number, line }) => {
    const learnerId = learnerIdOf(line.username, number)
    if (learnerId === undefined) return { reason: `username: ${noAccount(line.username)}` }
    const courseKey = line.courseId?.stored ?? null
    return {
      key: JSON.stringify([learnerId, line.role, line.org, courseKey]),
      row: { learner_id: learnerId, role: line.role, org: line.org, course_key: courseKey },
    }
  })
  return { failures, ...(await upsert(trx, ROLES, rows)) }
}

const RETIREMENTS = {
  table: 'retirements',
  conflict: 'learner_id',
  match: 't.learner_id = line.learner_id',
  columns: {
    learner_id: ['integer', 'key'],
    original_username: ['text', 'first'],
    state: ['text', 'value'],
    updated: ['timestamptz', 'metadata'],
  },
} as const satisfies UpsertTarget

/** Imports retirements, one an account, under the username that the account has. */
export async function importRetirements(
  trx: Transaction<DB>,
  lines: readonly Numbered<'retirement'>[],
  { metadata, added }: GroupContext,
): Promise<GroupOutcome> {
  const usernames = lines.map(({ line }) => line.username)
  const learnerIdOf = await learnerFinder(trx, usernames, added)
  const holders = await retirementHolders(trx, usernames)
  const updated = instantFromDate(metadata.now)
  const { rows, failures } = resolveRows(lines, ({ number, line: { username, state } }) => {
    const learnerId = learnerIdOf(username, number)
    if (learnerId === undefined) return { reason: `username: ${noAccount(username)}` }
    if ((holders.get(username) ?? learnerId) !== learnerId) {
      return { reason: `username: ${quote(username)} is the former name of another retired account` }
    }
    return {
      key: String(learnerId),
      row: { learner_id: learnerId, original_username: username, state, updated },
    }
  })
  return { failures, ...(await upsert(trx, RETIREMENTS, rows)) }
}

async function retirementHolders(trx: Transaction<DB>, usernames: readonly string[]): Promise<Map<string, number>> {
  const rows = await trx
    .selectFrom('retirements')
    .select(['original_username', 'learner_id'])
    .where('original_username', '=', sql<string>`any (${[...new Set(usernames)]}::text[])`)
    .execute()
  return new Map(rows.map((row) => [row.original_username, row.learner_id]))
}
