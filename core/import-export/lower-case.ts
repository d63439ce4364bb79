import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'

/**
 * Lower-cases texts as the database does, whose rules depend on its locale: addresses that its unique indexes hold for
 * equal must be equal here too.
 *
 * @returns the lower-case text of each text.
 */
export async function lowerCased(db: Kysely<DB>, texts: readonly string[]): Promise<Map<string, string>> {
  const distinct = [...new Set(texts)]
  const { rows } = await sql<{ text: string; lower: string }>`
    select text, lower(text) from unnest(${distinct}::text[]) as text`.execute(db)
  return new Map(rows.map((row) => [row.text, row.lower]))
}
