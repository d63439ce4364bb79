import { identifier } from '../../source/identifier.ts'
import type { LmsSource } from '../../source/source.ts'

/**
 * The list of a SELECT: columns that this release of the LMS does not have are null.
 *
 * @returns null where it does not have the table.
 */
export async function selectList(source: LmsSource, table: string, columns: readonly string[]): Promise<string | null> {
  const known = await source.columns(table)
  if (known.size === 0) return null
  return columns.map((name) => (known.has(name) ? identifier(name) : `null as ${identifier(name)}`)).join(', ')
}
