import { identifier } from '../source/identifier.ts'
import type { LmsRow, LmsSource } from '../source/source.ts'
import type { ImportReport } from './report.ts'
import { keyText } from './stored-rows.ts'
import { textOf } from './values.ts'

const FLAG = 'authz.enable_course_authoring'
/** Of the flag itself, and of course runs and organisations for which it is set otherwise. */
const COLUMNS = ['name', 'waffle_flag', 'flag', 'flag_name']

/**
 * Remarks where an LMS has moved staff roles into openedx-authz, and away from the table that is imported (lms.md A.1).
 *
 * @returns whether there may be such roles.
 */
export async function remarkMovedRoles(source: LmsSource, report: ImportReport): Promise<boolean> {
  const tables = await source.query<{ name: string }>(`
    select table_name as name from information_schema.tables
    where table_schema = database() and (table_name like 'waffle%' or table_name like 'openedx_authz%' or table_name = 'casbin_rule')
    order by table_name`)
  let hasMoved = false
  for (const { name: table } of tables) {
    const rows = table.startsWith('waffle') ? await flagRows(source, table) : await firstRow(source, table)
    for (const primaryKey of rows) {
      report.remark({ table, primaryKey, what: 'bent', why: WHY })
      hasMoved = true
    }
  }
  return hasMoved
}

const WHY =
  'staff roles may have been moved into openedx-authz, which is not read: compare with /api/enrollment/v1/roles/ of the LMS'

async function flagRows(source: LmsSource, table: string): Promise<string[]> {
  const columns = await source.columns(table)
  const named = COLUMNS.filter((column) => columns.has(column))
  if (named.length === 0) return []
  const condition = named.map((column) => `${identifier(column)} = ?`).join(' or ')
  const key = columns.has('id') ? 'id' : (named[0] ?? 'name')
  const statement = `select ${identifier(key)} as id from ${identifier(table)} where ${condition} order by 1`
  const rows = await source.query<LmsRow>(
    statement,
    named.map(() => FLAG),
  )
  return rows.map((row) => keyText(row['id']))
}

async function firstRow(source: LmsSource, table: string): Promise<string[]> {
  const key = (await source.columns(table)).has('id') ? 'id' : '1'
  const rows = await source.query<LmsRow>(`select ${key} as id from ${identifier(table)} order by 1 limit 1`)
  return rows.map((row) => textOf(row['id']) ?? '')
}
