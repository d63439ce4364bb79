import { open, type FileHandle } from 'node:fs/promises'
import { fileError } from '../../server/cli/files.ts'
import type { Finding } from './tally.ts'

/** What did not come out equal, one JSON object a line. */
export interface ReportFile extends AsyncDisposable {
  add(finding: Finding): Promise<void>
}

/**
 * Begins a report anew. It holds personal data, so that only its owner may read it.
 *
 * @throws {CommandError} when it cannot be written.
 */
export async function openReportFile(path: string): Promise<ReportFile> {
  const handle = await open(path, 'w', 0o600).catch((error: unknown) => {
    throw fileError('write', path, error)
  })
  return { add: (finding) => append(handle, path, finding), [Symbol.asyncDispose]: () => handle.close() }
}

async function append(handle: FileHandle, path: string, finding: Finding): Promise<void> {
  await handle.appendFile(`${JSON.stringify(finding)}\n`).catch((error: unknown) => {
    throw fileError('write', path, error)
  })
}
