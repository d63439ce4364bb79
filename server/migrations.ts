import type { Kysely } from 'kysely'
import {
  migrateExtension,
  migrateToLatest,
  pendingExtensionMigrations,
  pendingMigrations,
} from '../core/database/migrate.ts'
import type { DB } from '../core/database/schema.ts'
import { checkExtensions, type Extension } from './extension.ts'
import { builtInExtensions } from './extensions.ts'

/**
 * Brings the tables of the core and those of its extensions to the newest schema. Several processes may call it at once: of
 * the core and of each extension, one does the work.
 *
 * @returns the names of the migrations that this call applied, those of an extension as `enterprise/0001_initial`.
 * @throws {TypeError} for an extension whose name cannot be used.
 */
export async function migrateAll(
  db: Kysely<DB>,
  extensions: readonly Extension[] = builtInExtensions,
): Promise<string[]> {
  checkExtensions(extensions)
  const applied = await migrateToLatest(db)
  for (const { name, migrations } of extensions) {
    const ofExtension = migrations === undefined ? [] : await migrateExtension(db, { name, migrations })
    applied.push(...ofExtension.map((migration) => `${name}/${migration}`))
  }
  return applied
}

/** Whether the database lacks no migration, of the core or of an extension; changes nothing. */
export async function isAtNewestSchema(
  db: Kysely<DB>,
  extensions: readonly Extension[] = builtInExtensions,
): Promise<boolean> {
  const pending = await pendingMigrations(db)
  for (const { name, migrations } of extensions) {
    if (migrations !== undefined) pending.push(...(await pendingExtensionMigrations(db, { name, migrations })))
  }
  return pending.length === 0
}
