import { columnsOf } from '../csv/columns.ts'
import type { LearnerRef } from '../../learner/ref.ts'

/**
 * Whom a line that cannot be read may be about: all whom its cells name. A faulty line of somebody who is active is never a removal
 * (bulk.md §3).
 *
 * @param header the names of the columns.
 * @returns a function of the cells.
 */
export function namesInCells(header: readonly string[]): (cells: readonly string[]) => LearnerRef[] {
  const { columns } = columnsOf(header, 'any')
  return (cells) =>
    columns.flatMap(({ kind }, index): LearnerRef[] => {
      const text = cells[index]?.trim() ?? ''
      if (text === '') return []
      if (kind === 'username') return [{ username: text }]
      if (kind === 'email' || (kind === 'user' && text.includes('@'))) return [{ email: text }]
      if (kind === 'user') return [{ username: text }]
      return kind === 'user_id' ? [{ userId: text }] : []
    })
}
