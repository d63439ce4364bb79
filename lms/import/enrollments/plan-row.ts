import type { Attribute } from '../../../core/enrollment/attributes.ts'
import type { Actor, EnrollmentState } from '../../../core/enrollment/command.ts'
import { kindOf } from '../../../core/enrollment/decide.ts'
import { changeEnrollment, startPair, type PairPlan } from '../../../core/enrollment/plan.ts'
import { microsecondsOf } from '../../source/instant.ts'
import { attributesText } from './attributes.ts'
import { foldHistory, isSame, type PastChange } from './fold-history.ts'
import type { LocatedEnrollment, StoredRow } from './read-stored.ts'

/** What is here for an enrollment of the LMS, and who it belongs to. */
export interface Stored {
  readonly learnerId: number
  /** Null together with the enrollment: there is none. */
  readonly enrollmentId: string | null
  readonly enrollment: EnrollmentState | null
  readonly attributes: readonly Attribute[]
  readonly lmsId: number | null
  readonly agreedVersion: number | null
  /** Whether the attributes are those that the LMS had when it was read last. */
  readonly hasAttributesOfLms: boolean
}

export interface PlanOptions {
  /** Whose change wins where both sides have changed. */
  readonly prefer: 'here' | 'lms'
  /** The instant of a change that the LMS does not date; ISO 8601. */
  readonly now: string
  readonly actorOf: (userId: number | null) => Actor
  /** Of a change to what is here; by default nobody knows who and why, and it is now. */
  readonly changeOf?: ((enrollment: LocatedEnrollment) => Omit<PastChange, 'after'> | undefined) | undefined
}

/** What an enrollment of the LMS comes to here. */
export interface RowPlan {
  readonly lms: LocatedEnrollment
  /** `kept`: both sides have changed, and it stays as it is here. */
  readonly outcome: 'created' | 'changed' | 'unchanged' | 'kept'
  readonly pair: PairPlan & { state: EnrollmentState }
  /** Of the steps, by their index. */
  readonly actors: readonly Actor[]
  /** What replaces the attributes; null leaves them. */
  readonly attributes: readonly Attribute[] | null
  /** The version that says what the LMS says; null: none does. */
  readonly agreedVersion: number | null
}

/** The row here in words of the core. */
export function storedOf(row: StoredRow, learnerId: number, hasAttributesOfLms: boolean): Stored {
  const { version, mode, is_active: isActive, created, updated } = row
  return {
    learnerId,
    enrollmentId: row.enrollment_id,
    enrollment: row.enrollment_id === null ? null : { version, mode, isActive, created, updated },
    attributes: (row.attributes ?? []).map(([namespace, name, value]) => ({ namespace, name, value })),
    lmsId: row.lms_id,
    agreedVersion: row.agreed_version,
    hasAttributesOfLms,
  }
}

/**
 * Decides what an enrollment of the LMS comes to here (adoption.md §1): a new one gets its history as events, one that is
 * here the state of the LMS, unless it was changed here since both said the same. Pure.
 */
export function planRow(lms: LocatedEnrollment, stored: Stored, options: PlanOptions): RowPlan {
  return stored.enrollment === null
    ? planNew(lms, stored, options)
    : planExisting(lms, stored, stored.enrollment, options)
}

function planNew(lms: LocatedEnrollment, stored: Stored, { now, actorOf }: PlanOptions): RowPlan {
  const created = lms.created ?? lms.earliest ?? now
  const plan = startPlan(lms, stored)
  const changes = foldHistory({ created, rows: lms.history, present: lms, now })
  for (const change of changes) addChange(plan, change, actorOf)
  const state = stateOf(plan.pair)
  const pair = Object.assign(plan.pair, { state: { ...state, created } })
  const attributes = lms.attributes.length === 0 ? null : lms.attributes
  return { ...plan, pair, outcome: 'created', attributes, agreedVersion: state.version }
}

function planExisting(
  lms: LocatedEnrollment,
  stored: Stored,
  enrollment: EnrollmentState,
  { prefer, now, actorOf, changeOf }: PlanOptions,
): RowPlan {
  const plan = startPlan(lms, stored)
  const isChangedHere = enrollment.version > (stored.agreedVersion ?? 0)
  const keepsState = !isSame(enrollment, lms) && isChangedHere && prefer === 'here'
  const differ = attributesText(lms.attributes) !== attributesText(stored.attributes)
  const keepsAttributes = differ && !stored.hasAttributesOfLms && prefer === 'here'
  if (!keepsState) {
    const change = changeOf?.(lms) ?? { at: now, userId: null, reason: null }
    addChange(plan, { ...change, at: later(change.at, enrollment.updated), after: lms }, actorOf)
  }
  const state = stateOf(plan.pair)
  const created = keepsState ? enrollment.created : (lms.created ?? enrollment.created)
  const pair = Object.assign(plan.pair, { state: { ...state, created } })
  const attributes = differ && !keepsAttributes ? lms.attributes : null
  const isKept = keepsState || keepsAttributes
  const isChanging = pair.steps.length > 0 || attributes !== null || created !== enrollment.created
  const changed = isChanging ? 'changed' : 'unchanged'
  return {
    ...plan,
    pair,
    outcome: isKept ? 'kept' : changed,
    attributes,
    agreedVersion: keepsState ? stored.agreedVersion : state.version,
  }
}

function startPlan(lms: LocatedEnrollment, { learnerId, enrollmentId, enrollment }: Stored) {
  const actors: Actor[] = []
  return { lms, actors, pair: startPair({ learnerId, courseId: lms.courseId, enrollmentId, enrollment }) }
}

/** Adds the event of a change, where it changes something. */
function addChange(
  { pair, actors }: { pair: PairPlan; actors: Actor[] },
  { at, after: { mode, isActive }, userId, reason }: PastChange,
  actorOf: PlanOptions['actorOf'],
): void {
  const after = { mode, isActive }
  const kind = kindOf(pair.state, after)
  if (kind === 'unchanged') return
  const index = actors.push(actorOf(userId)) - 1
  changeEnrollment(pair, { index, kind, after, reason, enterpriseUuid: null, at })
}

function stateOf({ state }: PairPlan): EnrollmentState {
  if (state === null) throw new RangeError('An enrollment that is planned has a state')
  return state
}

/** Events of one enrollment never go back in time. */
function later(a: string, b: string): string {
  return microsecondsOf(a) >= microsecondsOf(b) ? a : b
}
