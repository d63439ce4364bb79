import type { Attribute } from '../../../core/enrollment/attributes.ts'
import type { LmsRow } from '../../source/source.ts'
import { withoutNul } from './lms-enrollment.ts'

/**
 * The attributes of one enrollment: where several have one namespace and name, the LMS takes the last (lms.md A.3). Pure.
 *
 * @param rows in the order of their ids.
 */
export function attributesOf(rows: readonly LmsRow[]): Attribute[] {
  const attributes = new Map<string, Attribute>()
  for (const row of rows) {
    const attribute = { namespace: textOf(row, 'namespace'), name: textOf(row, 'name'), value: textOf(row, 'value') }
    const key = JSON.stringify([attribute.namespace, attribute.name])
    attributes.delete(key)
    attributes.set(key, attribute)
  }
  return [...attributes.values()]
}

function textOf(row: LmsRow, column: string): string {
  return withoutNul(String(row[column] ?? ''))
}

/** Attributes as one text, in which equal lists are equal: null for none. */
export function attributesText(attributes: readonly Attribute[]): string | null {
  if (attributes.length === 0) return null
  return JSON.stringify(attributes.map(({ namespace, name, value }) => [namespace, name, value]))
}
