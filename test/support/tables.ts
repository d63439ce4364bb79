import { sql, type Kysely } from 'kysely'

/** Every row of tables, down to the transaction that wrote it, in a form to compare. */
export async function rowsOfTables<D>(
  db: Kysely<D>,
  tables: readonly (keyof D & string)[],
): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {}
  for (const table of tables) {
    const { rows } = await sql<{ row: unknown }>`
      select to_jsonb(t) || jsonb_build_object('xmin', t.xmin::text) as row from ${sql.table(table)} t
      order by to_jsonb(t)::text`.execute(db)
    found[table] = rows.map(({ row }) => row)
  }
  return found
}
