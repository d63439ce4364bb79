import { CommandError } from './failure.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of its path is no directory',
  EISDIR: 'it is a directory',
  EACCES: 'you may not',
  EPERM: 'you may not',
  ENOSPC: 'the disk is full',
}

/** What a person reads when a file cannot be used. */
export function fileError(verb: 'read' | 'write', file: string, error: unknown): CommandError {
  const { code = '', message = 'for an unknown reason' } = error as { code?: string; message?: string }
  return new CommandError(`Cannot ${verb} ${file}: ${REASONS[code] ?? message}.`, { cause: error })
}
