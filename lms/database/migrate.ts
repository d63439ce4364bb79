import type { Migration } from 'kysely/migration'
import type { Extension } from '../../server/extension.ts'
import * as importing from './migrations/0001_importing.ts'
import * as following from './migrations/0002_following.ts'
import * as mirroring from './migrations/0003_mirroring.ts'

/** In the order in which they run. Append only: a migration that has landed never changes. */
const lmsMigrations: Readonly<Record<string, Migration>> = {
  '0001_importing': importing,
  '0002_following': following,
  '0003_mirroring': mirroring,
}

/** The tables of the extension, which is all that the command line needs of it. */
export const lmsTables: Extension = { name: 'lms', migrations: lmsMigrations }
