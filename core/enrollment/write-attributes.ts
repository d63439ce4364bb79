import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Attribute } from './attributes.ts'

/** Replaces the attributes of enrollments, each list in its order. */
export async function replaceAttributes(
  trx: Transaction<DB>,
  enrollments: readonly { enrollmentId: string; attributes: readonly Attribute[] }[],
): Promise<void> {
  const ids = enrollments.map(({ enrollmentId }) => enrollmentId)
  await sql`delete from enrollment_attributes where enrollment_id = any (${ids}::bigint[])`.execute(trx)
  const rows = enrollments.flatMap(({ enrollmentId, attributes }) =>
    attributes.map((attribute, position) => ({ enrollmentId, position, ...attribute })),
  )
  if (rows.length === 0) return
  await sql`
    insert into enrollment_attributes (enrollment_id, position, namespace, name, value)
    select * from unnest(${rows.map((row) => row.enrollmentId)}::bigint[],
      ${rows.map((row) => row.position)}::smallint[], ${rows.map((row) => row.namespace)}::text[],
      ${rows.map((row) => row.name)}::text[], ${rows.map((row) => row.value)}::text[])`.execute(trx)
}
