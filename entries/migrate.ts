import type { Kysely } from 'kysely'
import { migrateExtension, migrateToLatest } from '../core/database/migrate.ts'
import type { DB } from '../core/database/schema.ts'
import { enterpriseMigrations } from '../enterprise/database/migrate.ts'

/**
 * Brings the database to the newest schema, the tables of enterprise included. Several processes may call it at once: one
 * works, the others wait and find nothing to do.
 *
 * @returns the names of the migrations that this call applied, those of enterprise as `enterprise/0001_initial`; empty when
 *   the schema was already the newest.
 * @throws what the failing migration threw; nothing of it is kept then.
 */
export async function migrate<Tables extends DB>(db: Kysely<Tables>): Promise<string[]> {
  // Migrations have no plugins, and name what they change in SQL: further tables of the type make no difference to them.
  const ours = db.withoutPlugins() as unknown as Kysely<DB>
  const ofCore = await migrateToLatest(ours)
  const ofEnterprise = await migrateExtension(ours, { name: 'enterprise', migrations: enterpriseMigrations })
  return [...ofCore, ...ofEnterprise.map((name) => `enterprise/${name}`)]
}
