import { open, rename, rm } from 'node:fs/promises'
import { createConnection } from 'mysql2/promise'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { fileError } from '../../server/cli/files.ts'
import { CommandError } from '../../server/cli/failure.ts'
import { findAlike } from './alike.ts'
import type { ExportOutcome, WriteRows } from './export.ts'
import { sqlFile } from './sql-file.ts'
import { openLmsWriter } from './write-rows.ts'

/** Where an export goes. */
export interface Destination extends AsyncDisposable {
  readonly write: WriteRows
  /** Is called when everything was written. */
  complete(): Promise<void>
}

/** Whether the text names a database, and not a file. */
export function isMysqlUrl(text: string): boolean {
  return /^(mysql|mariadb):/.test(text)
}

/**
 * Opens the database of an LMS for writing.
 *
 * @throws {CommandError} when it cannot be used; it names neither user nor password.
 */
export async function openDatabaseDestination(url: string, { dryRun }: { dryRun: boolean }): Promise<Destination> {
  await using undo = new AsyncDisposableStack()
  const connection = await createConnection({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    charset: 'utf8mb4',
    dateStrings: true,
    connectTimeout: 10_000,
  }).catch((error: unknown) => refuse(error))
  undo.defer(() => connection.end().catch(() => connection.destroy()))
  const writer = undo.use(await openLmsWriter(connection, { dryRun }).catch((error: unknown) => refuse(error)))
  const opened = undo.move()
  return {
    write: (pairs) => writer.write(pairs.map(({ row }) => row)).catch((error: unknown) => refuse(error)),
    complete: async () => {},
    [Symbol.asyncDispose]: () => opened.disposeAsync().catch(() => connection.destroy()),
  }
}

function refuse(error: unknown): never {
  const words = error instanceof Error ? error.message || ('code' in error && String(error.code)) : String(error)
  throw new CommandError(`The database of the LMS cannot be used: ${words}.`, { cause: error })
}

/**
 * Opens a file of SQL, which is replaced when it is complete.
 *
 * @throws {CommandError} when it cannot be written.
 */
export async function openFileDestination(
  db: Kysely<DB>,
  file: string,
  { dryRun }: { dryRun: boolean },
): Promise<Destination> {
  const alike = await findAlike(db)
  const parts = sqlFile()
  const temporary = `${file}.${process.pid}.tmp`
  const handle = dryRun ? null : await open(temporary, 'w', 0o600).catch((error: unknown) => failed(file, error))
  const append = (text: string) => handle?.appendFile(text).catch((error: unknown) => failed(file, error))
  await append(parts.beginning)
  return {
    async write(pairs) {
      const outcomes = pairs.map(({ enrollmentId, row: { lmsId } }): ExportOutcome => ({
        verdict: alike.has(enrollmentId) ? 'sameInMysql' : 'inFile',
        lmsId,
      }))
      const rows = pairs.filter((_, index) => outcomes[index]?.verdict === 'inFile').map(({ row }) => row)
      if (rows.length > 0) await append(parts.part(rows))
      return outcomes
    },
    async complete() {
      if (handle === null) return
      await append(parts.end)
      await handle.sync().catch((error: unknown) => failed(file, error))
      await rename(temporary, file).catch((error: unknown) => failed(file, error))
    },
    async [Symbol.asyncDispose]() {
      await handle?.close()
      await rm(temporary, { force: true })
    },
  }
}

function failed(file: string, error: unknown): never {
  throw fileError('write', file, error)
}
