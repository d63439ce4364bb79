import type { Kysely } from 'kysely'
import { migrateToLatest } from '../core/database/migrate.ts'
import type { DB } from '../core/database/schema.ts'
import { migrateEnterprise } from '../enterprise/database/migrate.ts'

/**
 * Brings the database to the newest schema, the tables of enterprise included. Several processes may call it at once: one
 * works, the others wait and find nothing to do.
 *
 * @returns the names of the migrations that this call applied, those of enterprise as `enterprise/0001_initial`; empty when
 *   the schema was already the newest.
 */
export async function migrate<Tables extends DB>(db: Kysely<Tables>): Promise<string[]> {
  // Migrations see the tables of DB alone; what else the caller's type has makes no difference to them.
  const ours = db as unknown as Kysely<DB>
  const ofCore = await migrateToLatest(ours)
  const ofEnterprise = await migrateEnterprise(ours)
  return [...ofCore, ...ofEnterprise.map((name) => `enterprise/${name}`)]
}
