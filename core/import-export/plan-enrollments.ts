import { isDeepStrictEqual } from 'node:util'
import type { Attribute } from '../enrollment/attributes.ts'
import type { CallMetadata, EnrollmentState } from '../enrollment/command.ts'
import { kindOf } from '../enrollment/decide.ts'
import { changeEnrollment, startPair, type PairPlan, type Step } from '../enrollment/plan.ts'
import type { LineOf } from './lines.ts'

/** What is stored for the pair of learner and course run that a line names. */
export interface StoredPair {
  readonly learnerId: number
  readonly courseId: number
  /** Null together with the enrollment where there is none. */
  readonly enrollmentId: string | null
  readonly enrollment: EnrollmentState | null
  readonly attributes: readonly Attribute[]
  /** Null: none is known. */
  readonly lmsId: number | null
}

/** A line of an enrollment with what is stored for it. */
export interface EnrollmentLine {
  readonly line: LineOf<'enrollment'>
  readonly stored: StoredPair
}

/** What lines change in one enrollment. */
export interface PlannedPair {
  /** Its `indexes` are those of the lines. */
  readonly plan: PairPlan
  /** The id of the LMS that it gets; null: it keeps what it has. */
  lmsId: number | null
  /** Whether its events are those that a line has brought: of what happened before it came here. */
  isPast: boolean
}

export interface ImportPlan {
  readonly pairs: readonly PlannedPair[]
  /** Who makes a change, by the index of its step. */
  readonly metadataOf: (index: number) => CallMetadata
}

/**
 * Plans what lines change, one after another, each seeing the changes of those of the same pair before it. No rule of
 * enrollment is asked. A new enrollment with a history gets its events, and one more where they do not end in what the line
 * says (adoption.md §1). Pure.
 *
 * @param at the instant of the change, ISO 8601.
 */
export function planImport(lines: readonly EnrollmentLine[], at: string, metadata: CallMetadata): ImportPlan {
  const pairs = new Map<string, PlannedPair & { readonly stored: StoredPair }>()
  const makers: CallMetadata[] = []
  for (const [index, { line, stored }] of lines.entries()) {
    const key = `${stored.learnerId}:${stored.courseId}`
    const pair = pairs.get(key) ?? { plan: startPair(stored), lmsId: null, isPast: false, stored }
    pairs.set(key, pair)
    const { plan } = pair
    plan.indexes.push(index)
    if (plan.state === null && line.history !== undefined) {
      pair.isPast = true
      for (const entry of line.history) change(plan, entry, metadata, makers)
    }
    change(plan, { at, mode: line.mode, isActive: line.isActive }, metadata, makers)
    if (line.created !== undefined && plan.state) plan.state = { ...plan.state, created: line.created }
    if (line.attributes !== undefined) plan.attributes = line.attributes
    if (line.id !== undefined) pair.lmsId = line.id
  }
  for (const pair of pairs.values()) {
    const { plan, stored } = pair
    if (areSame(plan.attributes, stored.attributes)) plan.attributes = null
    if (pair.lmsId === stored.lmsId) pair.lmsId = null
  }
  return { pairs: [...pairs.values()], metadataOf: (index) => makers[index] ?? metadata }
}

/** Most have none. */
function areSame(attributes: readonly Attribute[] | null, stored: readonly Attribute[]): boolean {
  return attributes?.length === stored.length && (stored.length === 0 || isDeepStrictEqual(attributes, stored))
}

/** The `created` that an existing enrollment gets; null when it keeps its own. */
export function anotherCreated({ read, state }: PairPlan): string | null {
  return read === null || state === null || read.created === state.created ? null : state.created
}

type PastEvent = NonNullable<LineOf<'enrollment'>['history']>[number]
type Change = Pick<PastEvent, 'at' | 'mode' | 'isActive'> & Partial<PastEvent>

function change(plan: PairPlan, to: Change, metadata: CallMetadata, makers: CallMetadata[]): void {
  const after = { mode: to.mode, isActive: to.isActive }
  const kind = kindOf(plan.state, after)
  if (kind === 'unchanged') return
  const step: Omit<Step, 'version' | 'before'> = {
    index: makers.length,
    kind,
    after,
    reason: to.reason ?? null,
    enterpriseUuid: to.enterpriseUuid ?? null,
    at: to.at,
  }
  makers.push(makerOf(to, metadata))
  changeEnrollment(plan, step)
}

/** Whoever imports, unless the change says who made it. */
function makerOf({ actor, via, requestId, batchId }: Change, metadata: CallMetadata): CallMetadata {
  if (!actor && !via && !requestId && !batchId) return metadata
  return {
    ...metadata,
    ...(actor && { actor }),
    ...(via && { via }),
    ...(requestId && { requestId }),
    ...(batchId && { batchId }),
  }
}
