import type { Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { resolveInCourse } from './in-course.ts'
import type { GroupContext, GroupOutcome, Numbered } from './outcome.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const EMBARGO_RULES = {
  table: 'embargo_rules',
  conflict: 'course_id',
  match: 't.course_id = line.course_id',
  columns: {
    course_id: ['integer', 'key'],
    whitelist: ['text[]', 'value'],
    blacklist: ['text[]', 'value'],
    message_key: ['text', 'value'],
  },
} as const satisfies UpsertTarget

/** Imports embargo rules, one a course run. */
export async function importEmbargoRules(
  trx: Transaction<DB>,
  lines: readonly Numbered<'embargo'>[],
  context: GroupContext,
): Promise<GroupOutcome> {
  const { rows, failures } = await resolveInCourse(trx, lines, context, (line, courseId) => ({
    key: String(courseId),
    row: {
      course_id: courseId,
      whitelist: line.whitelist,
      blacklist: line.blacklist,
      message_key: line.messageKey,
    },
  }))
  return { failures, written: await upsert(trx, EMBARGO_RULES, rows) }
}
