import { maintenanceUrl } from './server.ts'
import { createFrom, nameIn, openTestDatabase, type TestDatabase } from './test-database.ts'

/**
 * Copies a test database as it stands, e.g. one for each test file: with its rows, and with tables that were added to it.
 * Connections to the original that are idle are closed for the copy, and opened again when they are needed; nothing may run
 * in it meanwhile.
 *
 * @param database the original, or its `connectionString` alone where another process has made it. It has to stay until the
 *   copies are gone.
 * @returns the same shape; disposing of it drops the copy.
 * @throws {Error} where something runs in the original, and does not end within some seconds.
 */
export async function cloneTestDatabase({
  connectionString: original,
}: Pick<TestDatabase, 'connectionString'>): Promise<TestDatabase> {
  const server = maintenanceUrl(original)
  const connectionString = await createFrom(server, nameIn(original))
  return openTestDatabase(server, connectionString)
}
