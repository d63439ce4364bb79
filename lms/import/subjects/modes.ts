import { sql } from 'kysely'
import type { LmsRow } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import type { Conversion, Removal, Subject } from '../subject.ts'
import { courseRunOf, cut, instantOf, noCourseRun, numberOf, textOf, textOrNull } from '../values.ts'

const removal: Removal = {
  identity: ({ courseId, slug, currency }) => JSON.stringify([courseId, slug, currency]),
  async remove(trx, lines) {
    const values = (key: string) => lines.map((line) => String(line[key]))
    await sql`
      delete from course_modes m
      using courses c, unnest(${values('courseId')}::text[], ${values('slug')}::text[], ${values('currency')}::text[])
        as r (course_key, slug, currency)
      where c.course_key = r.course_key and m.course_id = c.id and m.slug = r.slug and m.currency = r.currency`.execute(
      trx,
    )
  },
}

/** Modes of course runs; those of a run without an overview are kept aside (lms.md A.2). */
export const modes: Subject = {
  group: 'modes',
  table: 'course_modes_coursemode',
  type: 'mode',
  key: 'id',
  columns: [
    ...['course_id', 'mode_slug', 'mode_display_name', 'min_price', 'suggested_prices', 'currency'],
    ...['expiration_datetime', 'description', 'sku', 'bulk_sku'],
  ],
  convert: convertMode,
  removal,
}

/** A row of `course_modes_coursemode`. */
export function convertMode(row: LmsRow, courses: CourseKeys): Conversion {
  const course = courseRunOf(row['course_id'], courses)
  if (course === null) return { leftAside: noCourseRun(row['course_id']) }
  const slug = textOf(row['mode_slug']) ?? ''
  const price = numberOf(row['min_price']) ?? 0
  const stated = textOf(row['suggested_prices']) ?? ''
  const suggestedPrices = pricesIn(stated)
  const currency = (textOf(row['currency']) ?? '').trim().toLowerCase()
  const expires = instantOf(row['expiration_datetime'])
  const neverExpires = NEVER_EXPIRE.includes(slug)
  const description = cut(textOf(row['description']) ?? '', 10_000)
  const line = {
    type: 'mode',
    courseId: course.key,
    slug,
    name: textOf(row['mode_display_name']) ?? slug,
    minPrice: Math.max(price, 0),
    suggestedPrices,
    currency: currency === '' ? 'usd' : currency,
    expires: neverExpires ? null : expires,
    description: description.text === '' ? null : description.text,
    sku: textOrNull(row['sku']),
    bulkSku: textOrNull(row['bulk_sku']),
  }
  const bent = [
    ...course.bent,
    ...(price < 0 ? [`min_price: ${price} becomes 0`] : []),
    ...(suggestedPrices === stated ? [] : [`suggested_prices: '${stated}' becomes '${suggestedPrices}'`]),
    ...(neverExpires && expires !== null ? [`expiration_datetime: a ${slug} mode does not expire`] : []),
    ...(currency === '' ? ['currency: is empty, and becomes usd'] : []),
    ...(description.isCut ? ['description: is cut after 10000 characters'] : []),
  ]
  return { lines: [{ line }], bent }
}

const NEVER_EXPIRE: readonly string[] = ['professional', 'no-id-professional']

/** The prices of a list with commas, without what is none. */
function pricesIn(text: string): string {
  if (PRICES.test(text)) return text
  return text
    .split(',')
    .map((price) => price.trim())
    .filter((price) => PRICE.test(price))
    .join(',')
}

const PRICE = /^\d+(\.\d+)?$/
const PRICES = /^(\d+(\.\d+)?(, ?\d+(\.\d+)?)*)?$/
