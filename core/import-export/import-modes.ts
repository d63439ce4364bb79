import type { Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { resolveInCourse } from './in-course.ts'
import type { GroupContext, GroupOutcome, Numbered } from './outcome.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const MODES = {
  table: 'course_modes',
  conflict: 'course_id, slug, currency',
  match: 't.course_id = line.course_id and t.slug = line.slug and t.currency = line.currency',
  columns: {
    course_id: ['integer', 'key'],
    slug: ['text', 'key'],
    currency: ['text', 'key'],
    name: ['text', 'value'],
    min_price: ['integer', 'value'],
    suggested_prices: ['text', 'value'],
    expires: ['timestamptz', 'value'],
    description: ['text', 'value'],
    sku: ['text', 'value'],
    bulk_sku: ['text', 'value'],
  },
} as const satisfies UpsertTarget

/** Imports modes; a course run may offer a mode once in each currency. */
export async function importModes(
  trx: Transaction<DB>,
  lines: readonly Numbered<'mode'>[],
  context: GroupContext,
): Promise<GroupOutcome> {
  const { rows, failures } = await resolveInCourse(trx, lines, context, (line, courseId) => ({
    key: `${courseId} ${line.currency} ${line.slug}`,
    row: {
      course_id: courseId,
      slug: line.slug,
      currency: line.currency,
      name: line.name ?? line.slug,
      min_price: line.minPrice,
      suggested_prices: line.suggestedPrices,
      expires: line.expires,
      description: line.description,
      sku: line.sku,
      bulk_sku: line.bulkSku,
    },
  }))
  return { failures, written: await upsert(trx, MODES, rows) }
}
