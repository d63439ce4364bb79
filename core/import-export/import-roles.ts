import type { Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { resolveRows, type GroupContext, type GroupOutcome, type Numbered } from './group-importer.ts'
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
