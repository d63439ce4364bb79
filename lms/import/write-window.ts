import type { Kysely, Transaction } from 'kysely'
import { isDatabaseUnavailable, isUniqueViolation } from '../../core/database/failure.ts'
import { LOST_RACE, retryOnSerializationFailure } from '../../core/database/retry.ts'
import type { DB } from '../../core/database/schema.ts'
import { withSavepoint } from '../../core/database/transaction.ts'
import { EnrollmentError } from '../../core/errors.ts'
import { importObjects, isLostRace } from '../../core/import-export/import.ts'
import type { ImportContext } from './context.ts'
import { withoutChangesHere } from './present.ts'
import { missingAccount, renderer } from './render.ts'
import { readStoredLines, storeLines, type StoredLine } from './stored-rows.ts'
import type { DraftLine, Line, Subject } from './subject.ts'

/** A line of a row that was not imported as it is now. */
export interface WantedLine {
  /** Of its row. */
  readonly rowKey: string
  /** Of the line: that of its row, with the part where the row has several. */
  readonly primaryKey: string
  readonly line: DraftLine
  readonly digest: Buffer
}

/** What became of lines. */
export interface WindowResult {
  readonly created: number
  readonly changed: number
  readonly unchanged: number
  /** By the keys of the rows. */
  readonly bent: readonly { readonly rowKey: string; readonly why: string }[]
  readonly failed: readonly { readonly rowKey: string; readonly why: string }[]
}

/**
 * Writes lines in one transaction, together with what is kept of them. Where the database refuses a line that looked good, the
 * window is halved until that line stands alone: one bad row never costs another (adoption.md §1).
 */
export async function writeWindow(
  db: Kysely<DB>,
  subject: Subject,
  lines: readonly WantedLine[],
  context: ImportContext,
): Promise<WindowResult> {
  try {
    return await retryOnSerializationFailure(db, async () => {
      try {
        return await withSavepoint(db, async (trx) => ({
          keep: true,
          value: await write(trx, subject, lines, context),
        }))
      } catch (error) {
        if (!isLostRace(error) || db.isTransaction) throw error
        return LOST_RACE
      }
    })
  } catch (error) {
    if (!isOfOneLine(error)) throw error
    const [only] = lines
    if (only !== undefined && lines.length === 1) {
      const why = error instanceof Error ? (error.cause instanceof Error ? error.cause : error).message : String(error)
      return { created: 0, changed: 0, unchanged: 0, bent: [], failed: [{ rowKey: only.rowKey, why }] }
    }
    const middle = Math.ceil(lines.length / 2)
    const first = await writeWindow(db, subject, lines.slice(0, middle), context)
    return sumOfResults(first, await writeWindow(db, subject, lines.slice(middle), context))
  }
}

/** Whether an error may come of what one line says, and not of the database being away. */
function isOfOneLine(error: unknown): boolean {
  if (error instanceof EnrollmentError) return isUniqueViolation(error.cause)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return !isDatabaseUnavailable(error) && /^(22|23)/.test(code)
}

function sumOfResults(first: WindowResult, second: WindowResult): WindowResult {
  return {
    created: first.created + second.created,
    changed: first.changed + second.changed,
    unchanged: first.unchanged + second.unchanged,
    bent: [...first.bent, ...second.bent],
    failed: [...first.failed, ...second.failed],
  }
}

interface Rendered {
  readonly wanted: WantedLine
  readonly after: Line
  readonly before: Line | null
  readonly stored: StoredLine | undefined
}

async function write(
  trx: Transaction<DB>,
  subject: Subject,
  lines: readonly WantedLine[],
  context: ImportContext,
): Promise<WindowResult> {
  const keys = lines.map(({ primaryKey }) => primaryKey)
  const stored = new Map((await readStoredLines(trx, subject.table, keys)).map((one) => [one.primaryKey, one]))
  const render = await renderer(
    trx,
    [...lines, ...stored.values()].map(({ line }) => line),
  )
  const failed: { rowKey: string; why: string }[] = []
  const rendered = lines.flatMap((wanted): Rendered[] => {
    const after = render(wanted.line)
    const before = stored.get(wanted.primaryKey)
    if (after !== null) return [{ wanted, after, before: before ? render(before.line) : null, stored: before }]
    failed.push({ rowKey: wanted.rowKey, why: missingAccount(wanted.line) })
    return []
  })
  const isNew = (one: Rendered) => one.stored === undefined || context.prefer === 'lms'
  const judged = await withoutChangesHere(
    trx,
    rendered.filter((one) => !isNew(one)),
    context,
  )
  const written = [...rendered.filter(isNew), ...judged.unchanged]
  const renamed = await renameHere(trx, subject, judged.unchanged)
  const outcome = await importWanted(trx, subject, written, { context, render })
  await removeFormer(trx, subject, judged.unchanged)
  await storeLines(trx, subject.table, outcome.stored)
  return {
    created: outcome.created,
    changed: outcome.changed + renamed,
    unchanged:
      written.length - outcome.failed.length - outcome.created - outcome.changed - renamed + judged.changed.length,
    bent: [...outcome.bent, ...judged.changed.map(({ wanted: { rowKey } }) => ({ rowKey, why: KEPT }))],
    failed: [...failed, ...outcome.failed],
  }
}

const KEPT = 'it was changed both in the LMS and here, and stays as it is here: --prefer lms takes what the LMS says'

async function importWanted(
  trx: Transaction<DB>,
  subject: Subject,
  written: readonly Rendered[],
  { context, render }: { readonly context: ImportContext; readonly render: (line: DraftLine) => Line | null },
) {
  const after = written.map((one) => one.after)
  const whole = (await subject.complete?.(trx, after)) ?? after
  const first = await importObjects(trx, whole, context)
  const reasons = new Map(first.failures.map(({ line, reason }) => [line - 1, reason]))
  const stored = written.flatMap(({ wanted }, index) =>
    reasons.has(index) ? [] : { ...wanted, bent: null as string | null },
  )
  const bent: { rowKey: string; why: string }[] = []
  const failed: { rowKey: string; why: string }[] = []
  const retried: { wanted: WantedLine; line: DraftLine; whole: Line; bent: string }[] = []
  for (const [index, reason] of reasons) {
    const one = written[index]
    if (one === undefined) continue
    const instead = subject.instead?.(one.wanted.line, reason) ?? null
    const line = instead === null ? null : render(instead.line)
    if (instead === null || line === null) failed.push({ rowKey: one.wanted.rowKey, why: reason })
    else retried.push({ wanted: one.wanted, line: instead.line, whole: line, bent: instead.bent })
  }
  const second = await importObjects(
    trx,
    retried.map((one) => one.whole),
    context,
  )
  const reasonsAgain = new Map(second.failures.map(({ line, reason }) => [line - 1, reason]))
  for (const [index, one] of retried.entries()) {
    const reason = reasonsAgain.get(index)
    if (reason !== undefined) failed.push({ rowKey: one.wanted.rowKey, why: reason })
    else {
      stored.push({ ...one.wanted, line: one.line, bent: one.bent })
      bent.push({ rowKey: one.wanted.rowKey, why: one.bent })
    }
  }
  const groups = [...first.groups, ...second.groups]
  const sum = (of: 'created' | 'changed') => groups.reduce((total, { outcome }) => total + outcome[of], 0)
  return { created: sum('created'), changed: sum('changed'), stored, bent, failed }
}

/** Gives rows another identity where their lines have one now. @returns how many. */
async function renameHere(trx: Transaction<DB>, { removal }: Subject, lines: readonly Rendered[]): Promise<number> {
  let renamed = 0
  for (const { before, after } of lines) {
    if (removal?.rename === undefined || before === null) continue
    if (removal.identity(before) === removal.identity(after)) continue
    await removal.rename(trx, before, after)
    renamed += 1
  }
  return renamed
}

/** Takes back what lines have written that are about something else now. */
async function removeFormer(trx: Transaction<DB>, { removal }: Subject, lines: readonly Rendered[]): Promise<void> {
  if (removal === undefined || removal.rename !== undefined) return
  const kept = new Set(lines.map(({ after }) => removal.identity(after)))
  const former = lines.flatMap(({ before, after }) => {
    if (before === null || removal.identity(before) === removal.identity(after)) return []
    return kept.has(removal.identity(before)) ? [] : before
  })
  if (former.length > 0) await removal.remove(trx, former)
}
