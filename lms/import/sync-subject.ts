import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { LmsRow, LmsSource } from '../source/source.ts'
import type { ImportContext } from './context.ts'
import { removeVanished } from './remove-vanished.ts'
import { linesOf, rowsOf } from './rows.ts'
import { keepAside, keyText, notAside, readDigests, type AsideRow } from './stored-rows.ts'
import type { Conversion, Subject } from './subject.ts'
import { writeWindow } from './write-window.ts'

/** Lines that one transaction writes. */
const WINDOW_SIZE = 2_000

/**
 * Brings what a table of the LMS says over: what is new there, what has changed there and not here, and what is gone there.
 * Rows that say what they said when they were imported last are not looked at further. Where the LMS has no such table nothing
 * happens.
 *
 * @param db a pool, on which each window is a transaction of its own; or a transaction, which is joined.
 */
export async function syncSubject(
  db: Kysely<DB>,
  source: LmsSource,
  subject: Subject,
  context: ImportContext,
): Promise<void> {
  if ((await source.columns(subject.table)).size === 0) return
  if (subject.removal !== undefined) await removeVanished(db, source, subject, context)
  for await (const rows of rowsOf(source, subject, context)) {
    await syncPage(db, source, { subject, rows, context })
    context.onRows(rows.length)
  }
}

interface Page {
  readonly subject: Subject
  readonly rows: readonly LmsRow[]
  readonly context: ImportContext
}

async function syncPage(db: Kysely<DB>, source: LmsSource, { subject, rows, context }: Page): Promise<void> {
  const { table, type, key } = subject
  const { report } = context
  const converted = rows.map((row) => ({ rowKey: keyText(row[key]), ...conversionOf(subject, row, context) }))
  const wanted = converted.flatMap((row) => ('leftAside' in row ? [] : linesOf(row)))
  const digests = await readDigests(
    db,
    table,
    wanted.map(({ primaryKey }) => primaryKey),
  )
  const todo = wanted.filter(({ primaryKey, digest }) => {
    const known = digests.get(primaryKey)
    return context.prefer === 'lms' || known === undefined || known.isBent || known.digest !== digest.toString('hex')
  })
  const aside: AsideRow[] = converted.flatMap((row) =>
    'leftAside' in row ? { primaryKey: row.rowKey, why: row.leftAside } : [],
  )
  const bent = converted.flatMap(({ rowKey, ...row }) =>
    'leftAside' in row ? [] : (row.bent ?? []).map((why) => ({ rowKey, why })),
  )
  report.count(type, { unchanged: wanted.length - todo.length })
  for (let start = 0; start < todo.length; start += WINDOW_SIZE) {
    const result = await writeWindow(db, subject, todo.slice(start, start + WINDOW_SIZE), context)
    report.count(type, { created: result.created, changed: result.changed, unchanged: result.unchanged })
    bent.push(...result.bent)
    aside.push(...result.failed.map(({ rowKey, why }) => ({ primaryKey: rowKey, why })))
  }
  report.count(type, { leftAside: aside.length })
  const isAside = new Set(aside.map(({ primaryKey }) => primaryKey))
  await notAside(
    db,
    table,
    todo.flatMap(({ rowKey }) => (isAside.has(rowKey) ? [] : rowKey)),
  )
  await keepAside(db, source, { table, key }, aside)
  for (const { rowKey, why } of bent) {
    if (!isAside.has(rowKey)) report.remark({ table, primaryKey: rowKey, what: 'bent', why })
  }
  for (const { primaryKey, why } of aside) report.remark({ table, primaryKey, what: 'leftAside', why })
}

/** A row that a conversion did not expect costs itself alone. */
function conversionOf(subject: Subject, row: LmsRow, { courses }: ImportContext): Conversion {
  try {
    return subject.convert(row, courses)
  } catch (error) {
    return { leftAside: error instanceof Error ? error.message : String(error) }
  }
}
