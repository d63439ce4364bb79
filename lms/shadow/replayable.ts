import type { LogEntry, LoggedRequest } from './logged.ts'

const OUR_PATHS = ['/api/enrollment/v1/', '/api/bulk_enroll/v1/bulk_enroll']

/** Why an entry of a log is not sent. */
export type SkipReason = 'unreadable' | 'of other paths' | 'not GET' | 'without a recorded answer' | 'answered 429 then'

export interface Choice {
  /** Whether other methods than GET are sent too. */
  readonly writes: boolean
  /** Whether the log has to hold the answer. */
  readonly needsRecorded: boolean
}

/** What of a log is sent (adoption.md §7): a request, or why not. */
export function replayable(entry: LogEntry, { writes, needsRecorded }: Choice): LoggedRequest | SkipReason {
  if ('unreadable' in entry) return 'unreadable'
  const { request, recorded } = entry
  if (!OUR_PATHS.some((path) => request.path.startsWith(path))) return 'of other paths'
  if (request.method !== 'GET' && !writes) return 'not GET'
  if (!needsRecorded) return entry
  if (recorded === undefined) return 'without a recorded answer'
  return recorded.status === 429 ? 'answered 429 then' : entry
}
