import type { Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { withSavepoint } from '../../core/database/transaction.ts'
import { importObjects } from '../../core/import-export/import.ts'
import type { ImportContext } from './context.ts'
import type { Line } from './subject.ts'

/** A row whose line has changed in the LMS. Null: the line names an account that is not here. */
export interface ChangedLine {
  readonly before: Line | null
  readonly after: Line
}

/**
 * Tells the lines that still are here as they were imported from those that were changed here since: importing what was
 * imported before, which is then taken back, changes nothing exactly where nothing was changed. Lines that say already what is
 * here count as not changed.
 */
export async function withoutChangesHere<T extends ChangedLine>(
  trx: Transaction<DB>,
  lines: readonly T[],
  context: ImportContext,
): Promise<{ readonly unchanged: readonly T[]; readonly changed: readonly T[] }> {
  if (lines.length === 0) return { unchanged: [], changed: [] }
  const isSame =
    (await sayWhatIsHere(
      trx,
      lines.map(({ after }) => after),
      context,
    )) ||
    (await sayWhatIsHere(
      trx,
      lines.map(({ before }) => before),
      context,
    ))
  if (isSame) return { unchanged: lines, changed: [] }
  if (lines.length === 1) return { unchanged: [], changed: lines }
  const middle = Math.ceil(lines.length / 2)
  const first = await withoutChangesHere(trx, lines.slice(0, middle), context)
  const second = await withoutChangesHere(trx, lines.slice(middle), context)
  return {
    unchanged: [...first.unchanged, ...second.unchanged],
    changed: [...first.changed, ...second.changed],
  }
}

async function sayWhatIsHere(
  trx: Transaction<DB>,
  lines: readonly (Line | null)[],
  context: ImportContext,
): Promise<boolean> {
  if (lines.includes(null)) return false
  return withSavepoint(trx, async (inner) => {
    const { failures, groups } = await importObjects(inner, lines, context)
    const isSame = failures.length === 0 && groups.every(({ outcome }) => outcome.created + outcome.changed === 0)
    return { keep: false, value: isSame }
  })
}
