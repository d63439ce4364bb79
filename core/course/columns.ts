/** The columns of a course run under the names of `Course`, in the order in which they are exported. */
export const COURSE_COLUMNS = [
  'course_key as courseId',
  'display_name as displayName',
  'starts as start',
  'ends as end',
  'enrollment_start as enrollmentStart',
  'enrollment_end as enrollmentEnd',
  'invitation_only as invitationOnly',
  'max_enrollments as maxEnrollments',
  'self_paced as selfPaced',
] as const

/** The columns of a mode under the names of `Mode`, in the order in which they are exported. */
export const MODE_COLUMNS = [
  'slug as slug',
  'name as name',
  'min_price as minPrice',
  'suggested_prices as suggestedPrices',
  'currency as currency',
  'expires as expires',
  'description as description',
  'sku as sku',
  'bulk_sku as bulkSku',
] as const

/**
 * SQL: the arguments of `json_build_object` for columns, e.g. `'minPrice', m.min_price`.
 *
 * @param table what the table is called in the statement.
 */
export function jsonArguments(columns: readonly `${string} as ${string}`[], table: string): string {
  return columns.map((column) => column.replace(/^(\w+) as (\w+)$/, `'$2', ${table}.$1`)).join(', ')
}
