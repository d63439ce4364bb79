import { CompiledQuery, sql, type Kysely, type Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'

const { courseId, extensionLineType, instant, learnerFinder, line, noAccount, PAGE_SIZE, pagesOfLines } = importFormat
const { resolveRows, text, upsert } = importFormat

const schema = line('completion', {
  username: text({ max: 150 }),
  course: courseId(),
  // Null: they have not passed, or no longer.
  passedAt: instant().nullable(),
})

/** Who has passed which course run (enterprise-routes.md §3 "Certificates"); neither course run nor enrollment need exist. */
export const completions = extensionLineType({
  type: 'completion',
  usage: '{"type": "completion", "username", "course", "passedAt"}',
  schema,
  importGroup: importCompletions,
  exportLines: exportCompletions,
})

const COMPLETIONS = {
  table: 'enterprise_completions',
  conflict: 'learner_id, course_key',
  match: 't.learner_id = line.learner_id and t.course_key = line.course_key',
  columns: {
    learner_id: ['integer', 'key'],
    course_key: ['text', 'key'],
    passed_at: ['timestamptz', 'value'],
  },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

async function importCompletions(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<z.output<typeof schema>>[],
  { added }: importFormat.GroupContext,
): Promise<importFormat.GroupOutcome> {
  const usernames = lines.map((one) => one.line.username)
  const learnerOf = await learnerFinder(trx, usernames, added)
  const { rows, failures } = resolveRows(lines, ({ number, line: { username, course, passedAt } }) => {
    const learnerId = learnerOf(username, number)
    if (learnerId === undefined) return { reason: `username: ${noAccount(username)}` }
    const row = { learner_id: learnerId, course_key: course.stored, passed_at: passedAt }
    return { key: `${learnerId} ${course.stored}`, row }
  })
  const removed = rows.filter((row) => row.passed_at === null)
  const values = [removed.map((row) => row.learner_id), removed.map((row) => row.course_key)]
  const { numAffectedRows = 0n } = await trx.executeQuery(CompiledQuery.raw(REMOVE, values))
  const passed = rows.filter((row) => row.passed_at !== null)
  const { created, changed } = await upsert(trx, COMPLETIONS, passed)
  return { failures, created, changed: changed + Number(numAffectedRows) }
}

const REMOVE = `/* enterprise.removeCompletions */
delete from enterprise_completions c
using unnest((select $1::integer[]), (select $2::text[])) as r (learner_id, course_key)
where c.learner_id = r.learner_id and c.course_key = r.course_key`

function exportCompletions(db: Kysely<DB>): AsyncGenerator<string> {
  const page = db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_completions as p')
    .innerJoin('learners as l', 'l.id', 'p.learner_id')
    .select(['p.learner_id', 'p.course_key', 'l.username', 'p.passed_at'])
    .orderBy('p.learner_id')
    // The same in every database.
    .orderBy(sql`p.course_key collate "C"`)
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { learner_id: number; course_key: string } | null) =>
      page
        .where(
          sql<boolean>`(p.learner_id, p.course_key collate "C") > (${after?.learner_id ?? 0}, ${after?.course_key ?? ''})`,
        )
        .execute(),
    (row) => ({ type: 'completion', username: row.username, course: row.course_key, passedAt: row.passed_at }),
  )
}
