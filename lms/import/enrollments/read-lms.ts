import { instantFromMysql, microsecondsOf } from '../../source/instant.ts'
import type { LmsRow, LmsSource, LmsValue } from '../../source/source.ts'
import { attributesOf } from './attributes.ts'
import type { HistoryRow } from './fold-history.ts'
import {
  ATTRIBUTES,
  enrollmentOf,
  HISTORY,
  modeOf,
  withoutNul,
  type Companion,
  type LmsEnrollment,
} from './lms-enrollment.ts'
import { selectList } from './select.ts'

const ATTRIBUTE_COLUMNS = ['id', 'namespace', 'name', 'value', 'enrollment_id'] as const
const HISTORY_COLUMNS = [
  'history_id',
  'history_date',
  'history_type',
  'history_user_id',
  'history_change_reason',
  'id',
  'created',
  'is_active',
  'mode',
  'user_id',
  'course_id',
] as const

/** Which rows belong to enrollments: those of some ids, or of all behind one id up to another. */
export type Which = { readonly ids: readonly number[] } | { readonly after: number; readonly upTo: number | null }

export interface ReadRows {
  readonly enrollments: readonly LmsEnrollment[]
  /** Attributes of enrollments that are not among them. */
  readonly orphans: readonly Companion[]
}

/**
 * Reads what belongs to rows of `student_courseenrollment`: attributes, and history of those that need it.
 *
 * @param contents rows of the table, with its columns.
 * @param which their attributes.
 * @param withHistory the ids whose history is read.
 */
export async function completeRows(
  source: LmsSource,
  contents: readonly LmsRow[],
  which: Which,
  withHistory: readonly number[],
): Promise<ReadRows> {
  const attributes = groupedBy(
    await readRows(source, ATTRIBUTES, ATTRIBUTE_COLUMNS, 'enrollment_id', which),
    'enrollment_id',
  )
  const history = groupedBy(
    withHistory.length === 0
      ? []
      : await readRows(source, HISTORY, HISTORY_COLUMNS, 'id', idsOrRange(which, withHistory, contents)),
    'id',
  )
  const rows = contents.map(enrollmentOf)
  const undated = rows.filter(({ created }) => created === null).map(({ id }) => id)
  const earliest = await readEarliest(source, undated)
  const enrollments = rows.map((row) => {
    const own = attributes.get(row.id) ?? []
    const past = history.get(row.id) ?? []
    attributes.delete(row.id)
    return {
      ...row,
      attributes: own.length === 0 ? NONE : attributesOf(own),
      history: past.length === 0 ? NONE : past.flatMap(historyRowOf),
      earliest: earliest.get(row.id) ?? null,
      companions:
        own.length + past.length === 0 ? NONE : [...own.map(attributeCompanion), ...past.map(historyCompanion)],
    }
  })
  return { enrollments, orphans: [...attributes.values()].flat().map(attributeCompanion) }
}

const NONE: readonly never[] = []

/** Reading a range is faster, where all of it is wanted. */
function idsOrRange(which: Which, ids: readonly number[], contents: readonly LmsRow[]): Which {
  return ids.length === contents.length ? which : { ids }
}

async function readRows(
  source: LmsSource,
  table: string,
  columns: readonly string[],
  key: string,
  which: Which,
): Promise<LmsRow[]> {
  const list = await selectList(source, table, columns)
  if (list === null || ('ids' in which && which.ids.length === 0)) return []
  const { condition, values } = conditionOf(key, which)
  const rows = await source.query(`select ${list} from \`${table}\` where ${condition}`, values)
  return table === ATTRIBUTES ? rows.toSorted((a, b) => Number(a['id']) - Number(b['id'])) : rows
}

function conditionOf(key: string, which: Which): { condition: string; values: (LmsValue | readonly LmsValue[])[] } {
  if ('ids' in which) return { condition: `\`${key}\` in (?)`, values: [which.ids] }
  const { after, upTo } = which
  if (upTo === null) return { condition: `\`${key}\` > ?`, values: [after] }
  return { condition: `\`${key}\` > ? and \`${key}\` <= ?`, values: [after, upTo] }
}

function groupedBy(rows: readonly LmsRow[], column: string): Map<number, LmsRow[]> {
  const groups = new Map<number, LmsRow[]>()
  for (const row of rows) {
    const key = Number(row[column])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return groups
}

/** The row as history tells it; none of a deletion, or of one without an instant. */
function historyRowOf(row: LmsRow): HistoryRow[] {
  const at = instantFromMysql(row['history_date'])
  const type = String(row['history_type'])
  if (at === null || type === '-') return []
  const userId = row['history_user_id'] ?? null
  return [
    {
      historyId: String(row['history_id']),
      type,
      at,
      mode: modeOf(String(row['mode'] ?? '')),
      isActive: Number(row['is_active']) !== 0,
      userId: userId === null ? null : Number(userId),
      reason: withoutNul(String(row['history_change_reason'] ?? '')) || null,
    },
  ]
}

function attributeCompanion(content: LmsRow): Companion {
  return { table: ATTRIBUTES, primaryKey: String(content['id']), content }
}

export function historyCompanion(content: LmsRow): Companion {
  return { table: HISTORY, primaryKey: String(content['history_id']), content }
}

/** Whether a row of the history has no place in that of a present enrollment. */
export function isStray({ table, content }: Companion): boolean {
  return table === HISTORY && historyRowOf(content).length === 0
}

async function readEarliest(source: LmsSource, ids: readonly number[]): Promise<ReadonlyMap<number, string>> {
  if (ids.length === 0 || (await source.columns(HISTORY)).size === 0) return new Map()
  const rows = await source.query<{ id: number | string; at: string }>(
    `select id, min(history_date) as at from ${HISTORY} where id in (?) and history_date > '0001-01-01' group by id`,
    [ids],
  )
  return new Map(
    rows.flatMap(({ id, at }) => {
      const instant = instantFromMysql(at)
      return instant === null ? [] : [[Number(id), instant]]
    }),
  )
}

/** The newest row of the history of each of these enrollments, by their ids. */
export async function newestHistory(
  source: LmsSource,
  ids: readonly number[],
): Promise<ReadonlyMap<number, HistoryRow>> {
  const rows = await readRows(source, HISTORY, HISTORY_COLUMNS, 'id', { ids })
  const newest = new Map<number, HistoryRow>()
  for (const content of rows) {
    const id = Number(content['id'])
    const before = newest.get(id)
    for (const row of historyRowOf(content)) {
      if (before === undefined || microsecondsOf(before.at) <= microsecondsOf(row.at)) newest.set(id, row)
    }
  }
  return newest
}

/** Rows of the history whose enrollment is gone, a page at a time. */
export async function* historyOfGone(source: LmsSource): AsyncGenerator<Companion[]> {
  const pages = source.pages(HISTORY, {
    key: 'history_id',
    columns: HISTORY_COLUMNS,
    where: `not exists (select 1 from student_courseenrollment e where e.id = t.id)`,
  })
  for await (const page of pages) yield page.map(historyCompanion)
}
