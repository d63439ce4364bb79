import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { DifferencesOf } from './differences.ts'

/** A comparison with the database of the LMS; disposing of it closes its connection. */
export interface Comparison extends AsyncDisposable {
  readonly differencesOf: DifferencesOf
}

/** The one place where `lms owner` gets what `lms compare` does. */
export type OpenComparison = (db: Kysely<DB>, lmsDatabaseUrl: string) => Promise<Comparison>
