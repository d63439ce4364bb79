import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { LmsRow, LmsSource, LmsValue } from '../source/source.ts'
import { identifier } from '../source/identifier.ts'
import type { DraftLine } from './subject.ts'

/** What is kept of a line that was imported: a row of `lms_rows`. */
export interface StoredLine {
  readonly primaryKey: string
  readonly digest: Buffer
  readonly line: DraftLine
  readonly bent: string | null
}

/** The digests of the rows with these keys, in hexadecimal, and whether they were bent. */
export async function readDigests(db: Kysely<DB>, table: string, keys: readonly string[]) {
  const { rows } = await sql<{ primary_key: string; digest: string; is_bent: boolean }>`
    select primary_key, encode(digest, 'hex') as digest, bent is not null as is_bent
    from lms_rows where table_name = ${table} and primary_key = any (${keys}::text[])`.execute(db)
  return new Map(rows.map((row) => [row.primary_key, { digest: row.digest, isBent: row.is_bent }]))
}

/** The lines that were imported of the rows with these keys. */
export async function readStoredLines(db: Kysely<DB>, table: string, keys: readonly string[]): Promise<StoredLine[]> {
  if (keys.length === 0) return []
  const { rows } = await sql<StoredLine>`
    select primary_key as "primaryKey", digest, line, bent
    from lms_rows where table_name = ${table} and primary_key = any (${keys}::text[])`.execute(db)
  return rows
}

/** Keeps what was imported. */
export async function storeLines(db: Kysely<DB>, table: string, lines: readonly StoredLine[]): Promise<void> {
  if (lines.length === 0) return
  await sql`
    insert into lms_rows (table_name, primary_key, digest, line, bent)
    select ${table}, r.primary_key, decode(r.digest, 'hex'), r.line::jsonb, r.bent
    from unnest(${lines.map(({ primaryKey }) => primaryKey)}::text[],
      ${lines.map(({ digest }) => digest.toString('hex'))}::text[],
      ${lines.map(({ line }) => JSON.stringify(line))}::text[],
      ${lines.map(({ bent }) => bent)}::text[]) as r (primary_key, digest, line, bent)
    on conflict (table_name, primary_key) do update
    set digest = excluded.digest, line = excluded.line, bent = excluded.bent
    where row(lms_rows.digest, lms_rows.line, lms_rows.bent)
      is distinct from row(excluded.digest, excluded.line, excluded.bent)`.execute(db)
}

/** Forgets what was imported of rows. */
export async function forgetLines(db: Kysely<DB>, table: string, keys: readonly string[]): Promise<void> {
  await sql`delete from lms_rows where table_name = ${table} and primary_key = any (${keys}::text[])`.execute(db)
}

/** A row that has no place here. */
export interface AsideRow {
  readonly primaryKey: string
  readonly why: string
}

/** Keeps rows aside, each as it is in the LMS, but for passwords. */
export async function keepAside(
  db: Kysely<DB>,
  source: LmsSource,
  { table, key }: { readonly table: string; readonly key: string },
  rows: readonly AsideRow[],
): Promise<void> {
  for (let start = 0; start < rows.length; start += ASIDE_PAGE) {
    const page = rows.slice(start, start + ASIDE_PAGE)
    const whole = await source.query<LmsRow>(`select * from ${identifier(table)} where ${identifier(key)} in (?)`, [
      page.map(({ primaryKey }) => primaryKey),
    ])
    const contents = new Map(whole.map((row) => [String(row[key]), contentOf(row)]))
    await sql`
      insert into lms_rows_aside (table_name, primary_key, why, content)
      select ${table}, r.primary_key, r.why, r.content::jsonb
      from unnest(${page.map(({ primaryKey }) => primaryKey)}::text[], ${page.map(({ why }) => why)}::text[],
        ${page.map(({ primaryKey }) => contents.get(primaryKey) ?? '{}')}::text[]) as r (primary_key, why, content)
      on conflict (table_name, primary_key) do update set why = excluded.why, content = excluded.content
      where row(lms_rows_aside.why, lms_rows_aside.content) is distinct from row(excluded.why, excluded.content)`.execute(
      db,
    )
  }
}

const ASIDE_PAGE = 500

function contentOf(row: LmsRow): string {
  const { password: _, ...content } = row
  return JSON.stringify(content, (_key, value: unknown) => storable(value))
}

/** PostgreSQL stores neither NUL characters nor halves of surrogate pairs. */
function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\u{FFFD}')
  const buffer = value as { type?: unknown; data?: unknown } | null
  if (typeof value !== 'object' || buffer?.type !== 'Buffer') return value
  return Buffer.from(buffer.data as number[]).toString('hex') // As Node.js writes its buffers in JSON.
}

/** Forgets rows that were aside and are not any more. */
export async function notAside(db: Kysely<DB>, table: string, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  await sql`delete from lms_rows_aside where table_name = ${table} and primary_key = any (${keys}::text[])`.execute(db)
}

/** The keys of a table that are stored, in their order, a page at a time. */
export async function* storedKeys(
  db: Kysely<DB>,
  place: 'lms_rows' | 'lms_rows_aside',
  table: string,
): AsyncGenerator<readonly string[]> {
  let after = ''
  for (;;) {
    const { rows } = await sql<{ primary_key: string }>`
      select primary_key from ${sql.table(place)}
      where table_name = ${table} and primary_key > ${after} order by primary_key limit ${KEYS_PAGE}`.execute(db)
    if (rows.length > 0) yield rows.map(({ primary_key }) => primary_key)
    if (rows.length < KEYS_PAGE) return
    after = rows.at(-1)?.primary_key ?? ''
  }
}

const KEYS_PAGE = 20_000

/** The key of a row as text. */
export function keyText(value: LmsValue | undefined): string {
  return typeof value === 'object' && value !== null ? value.toString('hex') : String(value ?? '')
}
