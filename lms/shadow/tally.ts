import type { Verdict } from '../exchange/compare.ts'
import type { Answer } from '../exchange/server.ts'
import type { LoggedRequest } from './logged.ts'
import type { SkipReason } from './replayable.ts'

/** One comparison that did not come out equal: a line of the report. */
export interface Finding {
  readonly kind: 'known' | 'different' | 'failed'
  /** The line of the log, or the place in a HAR file. */
  readonly place: number
  readonly method: string
  readonly path: string
  readonly section?: string
  readonly differences?: readonly string[]
  readonly why?: string
  readonly lms?: { readonly status: number; readonly body: string }
  readonly here?: { readonly status: number; readonly body: string }
}

/** How a whole log has come out. */
export interface ShadowCounts {
  requests: number
  equal: number
  /** Of those equal: only when they were asked again. */
  equalLater: number
  known: number
  knownBySection: Record<string, number>
  different: number
  skipped: number
  skippedBy: Partial<Record<SkipReason, number>>
  failed: number
  /** Compared by their status alone, since the log does not hold the body. */
  statusOnly: number
  /** Equal ones whose answer was 401 or 403 on both sides. */
  refused: number
}

export function noCounts(): ShadowCounts {
  return {
    requests: 0,
    equal: 0,
    equalLater: 0,
    known: 0,
    knownBySection: {},
    different: 0,
    skipped: 0,
    skippedBy: {},
    failed: 0,
    statusOnly: 0,
    refused: 0,
  }
}

export function countSkipped(counts: ShadowCounts, reason: SkipReason): void {
  counts.requests += 1
  counts.skipped += 1
  counts.skippedBy[reason] = (counts.skippedBy[reason] ?? 0) + 1
}

/** Counts a comparison; what is not equal comes back as a line of the report. */
export function countVerdict(
  counts: ShadowCounts,
  { place, request }: LoggedRequest,
  { verdict, lms, here }: { verdict: Verdict; lms: Answer; here: Answer },
): Finding | null {
  counts.requests += 1
  if (verdict.kind === 'equal') {
    counts.equal += 1
    if (here.status === 401 || here.status === 403) counts.refused += 1
    return null
  }
  const { differences } = verdict
  const section = verdict.kind === 'known' ? verdict.known.section : undefined
  counts[verdict.kind] += 1
  if (section !== undefined) counts.knownBySection[section] = (counts.knownBySection[section] ?? 0) + 1
  return {
    kind: verdict.kind,
    place,
    method: request.method,
    path: request.path,
    ...(section !== undefined && { section }),
    differences,
    lms: { status: lms.status, body: lms.text },
    here: { status: here.status, body: here.text },
  }
}

export function countFailed(counts: ShadowCounts, { place, request }: LoggedRequest, why: string): Finding {
  counts.requests += 1
  counts.failed += 1
  return { kind: 'failed', place, method: request.method, path: request.path, why }
}
