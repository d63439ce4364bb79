import { hash } from 'node:crypto'
import { sql, type Kysely, type Transaction } from 'kysely'
import type { Attribute } from '../../../core/enrollment/attributes.ts'
import type { LmsDB } from '../../database/schema.ts'
import { attributesText } from './attributes.ts'
import { ATTRIBUTES } from './lms-enrollment.ts'

// An enrollment has no version of its attributes. So what the LMS had is remembered, to tell a change here from one there.

/** The attributes that an enrollment of the LMS had when they were read last. */
interface KnownAttributes {
  readonly lmsId: number
  readonly attributes: readonly Attribute[]
}

export async function keepDigests(trx: Transaction<LmsDB>, known: readonly KnownAttributes[]): Promise<void> {
  const ids = known.map(({ lmsId }) => String(lmsId))
  const digests = known.map(({ attributes }) => digestOf(attributes))
  await sql`insert into lms_rows (table_name, primary_key, digest, line)
    select ${ATTRIBUTES}, id, decode(digest, 'hex'), 'null' from unnest(${ids}::text[], ${digests}::text[]) as r (id, digest)
    on conflict (table_name, primary_key) do update set digest = excluded.digest`.execute(trx)
}

/** Which of these enrollments have here what the LMS had: by their ids in the LMS. */
export async function unchangedHere(db: Kysely<LmsDB>, here: readonly KnownAttributes[]): Promise<ReadonlySet<number>> {
  if (here.length === 0) return new Set()
  const { rows } = await sql<{ id: string; digest: string }>`
    select primary_key as id, encode(digest, 'hex') as digest from lms_rows
    where table_name = ${ATTRIBUTES} and primary_key = any (${here.map(({ lmsId }) => String(lmsId))}::text[])`.execute(
    db,
  )
  const digests = new Map(rows.map(({ id, digest }) => [Number(id), digest]))
  const isUnchanged = ({ lmsId, attributes }: KnownAttributes) =>
    (digests.get(lmsId) ?? digestOf([])) === digestOf(attributes)
  return new Set(here.filter(isUnchanged).map(({ lmsId }) => lmsId))
}

function digestOf(attributes: readonly Attribute[]): string {
  return hash('md5', attributesText(attributes) ?? '')
}
