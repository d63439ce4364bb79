import type { OutcomeKind } from '../enrollment/command.ts'
import type { Failure } from '../errors.ts'
import type { BulkItem, BulkLine, LineOutcome } from './job.ts'

// How lines and results are kept: a million of each are read and written, so they have no names of fields.

type PackedLine = readonly [
  line: number,
  item: BulkItem | null,
  ref?: string | null,
  error?: Failure | null,
  plan?: unknown,
]

/** The JSON of the lines of a chunk, without their cells. */
export function packLines(lines: readonly BulkLine[]): string {
  return JSON.stringify(lines.map(packedLine))
}

function packedLine({ line, item, ref, error, plan }: BulkLine): PackedLine {
  if (plan !== undefined) return [line, item, ref ?? null, error ?? null, plan]
  if (error !== undefined) return [line, item, ref ?? null, error]
  return ref === undefined ? [line, item] : [line, item, ref]
}

export function unpackLines(text: string): BulkLine[] {
  return (JSON.parse(text) as PackedLine[]).map(([line, item, ref, error, plan]) => ({
    line,
    item,
    ...(ref === undefined || ref === null ? {} : { ref }),
    ...(error === undefined || error === null ? {} : { error }),
    ...(plan === undefined ? {} : { plan }),
  }))
}

const KINDS: readonly OutcomeKind[] = ['created', 'reactivated', 'modeChanged', 'deactivated', 'unchanged']

type PackedOutcome = readonly [
  kind: number,
  id: string,
  version: number,
  userId: string,
  username: string,
  courseId: string,
  mode: string,
  isActive: 0 | 1,
  created: string,
  updated: string,
  eventId?: string | null,
  beforeMode?: string,
  wasActive?: 0 | 1,
]

/** An error is kept as it is, an outcome as a list of its values. */
type PackedResult = PackedOutcome | Failure

/** The JSON of the outcomes of a chunk. */
export function packOutcomes(outcomes: readonly LineOutcome[]): string {
  return JSON.stringify(outcomes.map(packedOutcome))
}

function packedOutcome(result: LineOutcome): PackedResult {
  if (!result.ok) return result.error
  const { kind, enrollment: e, before, eventId } = result.outcome
  const packed = [
    KINDS.indexOf(kind),
    e.id,
    e.version,
    e.userId,
    e.username,
    e.courseId,
    e.mode,
    bit(e.isActive),
    e.created,
    e.updated,
  ] as const
  if (before !== null) return [...packed, eventId, before.mode, bit(before.isActive)]
  return eventId === null ? packed : [...packed, eventId]
}

function bit(value: boolean): 0 | 1 {
  return value ? 1 : 0
}

export function unpackOutcomes(text: string): LineOutcome[] {
  return (JSON.parse(text) as PackedResult[]).map(unpacked)
}

function unpacked(packed: PackedResult): LineOutcome {
  if (!isPackedOutcome(packed)) return { ok: false, error: packed }
  const [kind, id, version, userId, username, courseId, mode, isActive, created, updated, eventId, before, was] = packed
  return {
    ok: true,
    outcome: {
      kind: KINDS[kind] ?? 'unchanged',
      enrollment: { id, version, userId, username, courseId, mode, isActive: isActive === 1, created, updated },
      before: before === undefined ? null : { mode: before, isActive: was === 1 },
      eventId: eventId ?? null,
    },
  }
}

function isPackedOutcome(packed: PackedResult): packed is PackedOutcome {
  return Array.isArray(packed)
}

/** How many outcomes there are of each kind and of each code. */
export function countsOf(outcomes: readonly LineOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const result of outcomes) {
    const name = result.ok ? result.outcome.kind : result.error.code
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}
