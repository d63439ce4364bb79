import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { readCsv } from '../../../core/bulk/csv/read.ts'
import { CsvRefusal } from '../../../core/bulk/csv/refusal.ts'
import type { JobAction } from '../../../core/bulk/job.ts'
import { writeUpload } from '../../../core/bulk/receive-upload.ts'
import { CLI_ACTOR } from '../caller.ts'
import { CommandError } from '../failure.ts'
import { fileError } from '../files.ts'
import type { Following } from './follow.ts'
import { showUpload } from './upload-progress.ts'

/**
 * Looks at the beginning of a file before anything is done with it. Standard input can be read only once, so it is not looked at.
 *
 * @throws {CommandError} where it cannot be read, or is no file of lines that the action can use.
 */
export async function checkFile(
  file: string,
  options: { readonly action: JobAction; readonly course: string | undefined },
): Promise<void> {
  if (file === '-') return
  const found = await stat(file).catch((error: unknown) => {
    throw fileError('read', `'${file}'`, error)
  })
  if (found.isDirectory()) throw fileError('read', `'${file}'`, { code: 'EISDIR' })
  const source = createReadStream(file)
  try {
    await readCsv(source, options)
  } catch (error) {
    if (error instanceof CsvRefusal) throw new CommandError(`'${file}' cannot be used: ${error.message}`)
    throw fileError('read', `'${file}'`, error)
  } finally {
    source.destroy()
  }
}

/**
 * Puts a file up for jobs, in bounded memory.
 *
 * @returns the id of the upload; null: Ctrl-C came first.
 */
export async function putUp({ session, db, signal, json }: Following, file: string): Promise<string | null> {
  const source = addAbortSignal(signal, file === '-' ? session.stdin : createReadStream(file))
  const totalBytes = file === '-' ? null : (await stat(file)).size
  using shown = showUpload(session, { json, totalBytes })
  try {
    return await writeUpload(db, shown.watch(source), { actorName: CLI_ACTOR.name, now: new Date() })
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}
