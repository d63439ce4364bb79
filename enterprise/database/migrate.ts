import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import type { DB } from '../../core/database/schema.ts'
import { migrateExtension } from '../../routers/extension.ts'
import * as initial from './migrations/0001_initial.ts'
import * as arrivals from './migrations/0002_arrivals.ts'
import * as revocations from './migrations/0003_revocations.ts'
import * as emailFolding from './migrations/0004_email_folding.ts'
import * as cancellations from './migrations/0005_cancellations.ts'
import * as returning from './migrations/0006_returning.ts'
import * as enrollmentLists from './migrations/0007_enrollment_lists.ts'
import * as eventBus from './migrations/0008_event_bus.ts'
import * as adoption from './migrations/0009_adoption.ts'
import * as references from './migrations/0010_references.ts'

/** In the order in which they run. Append only: a migration that has landed never changes. */
export const enterpriseMigrations: Readonly<Record<string, Migration>> = {
  '0001_initial': initial,
  '0002_arrivals': arrivals,
  '0003_revocations': revocations,
  '0004_email_folding': emailFolding,
  '0005_cancellations': cancellations,
  '0006_returning': returning,
  '0007_enrollment_lists': enrollmentLists,
  '0008_event_bus': eventBus,
  '0009_adoption': adoption,
  '0010_references': references,
}

/**
 * Brings the tables of the extension to the newest schema, in one transaction. The tables of the core have the newest schema
 * already. Several processes may call it at once: one works, the others wait and find nothing to do.
 *
 * @returns the names of the migrations that this call applied; empty when the schema was already the newest.
 * @throws what the failing migration threw; nothing of it is kept then.
 */
export function migrateEnterprise(db: Kysely<DB>): Promise<string[]> {
  return migrateExtension(db, { name: 'enterprise', migrations: enterpriseMigrations })
}
