import { useTestServer } from './server.ts'
import { importSeed } from './seed.ts'
import type { SeedLine } from './lines.ts'
import { prepareTemplate } from './template.ts'
import { createFrom, openTestDatabase, type TestDatabase } from './test-database.ts'

export interface StartTestDatabaseOptions {
  /** Lines of the import format (run §4), imported in one transaction before the database is handed out. */
  readonly seed?: readonly SeedLine[] | undefined
}

/**
 * Makes a migrated database that is nobody else's: on the server of `TEST_DATABASE_URL`, whose user may create databases,
 * or else on an embedded PostgreSQL, if its binaries are installed. Disposing of it closes its pool and drops it.
 *
 * The first one on a server makes a template for this version of the schema, which stays there; each is a copy of it.
 *
 * @throws {Error} where there is no server, saying what to set or install; for a line of `seed` that cannot be imported.
 */
export async function startTestDatabase({ seed = [] }: StartTestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = await useTestServer()
  try {
    const template = await prepareTemplate(server.connectionString)
    const connectionString = await createFrom(server.connectionString, template)
    const database = openTestDatabase(server.connectionString, connectionString, () => server[Symbol.asyncDispose]())
    try {
      await importSeed(database.db, seed)
      return database
    } catch (error) {
      await database[Symbol.asyncDispose]()
      throw error
    }
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}
