import type { Kysely } from 'kysely'
import type { Migrator } from 'kysely/migration'
import type { DB } from './schema.ts'

/** A step from one version of a schema to the next. Kysely's own type fits; it has another place in each minor version. */
export interface Migration {
  up(db: Kysely<DB>): Promise<void>
  down?(db: Kysely<DB>): Promise<void>
}

/** Kysely's migrator: in an entry of its own, and in Kysely 0.28 in the main one. */
export async function loadMigrator(): Promise<typeof Migrator> {
  try {
    return (await import('kysely/migration')).Migrator
  } catch {
    const main: unknown = await import('kysely')
    return (main as { Migrator: typeof Migrator }).Migrator // Of 0.28, which has no other entry for it.
  }
}
