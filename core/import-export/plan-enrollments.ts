import { isDeepStrictEqual } from 'node:util'
import type { EnrollmentState } from '../enrollment/command.ts'
import type { Attribute } from '../enrollment/attributes.ts'
import { kindOf } from '../enrollment/decide.ts'
import type { PairPlan } from '../enrollment/plan.ts'
import type { LineOf } from './lines.ts'

/** What is stored for the pair of learner and course run that a line names. */
export interface StoredPair {
  readonly learnerId: number
  readonly courseId: number
  /** Null where there is no enrollment. */
  readonly enrollmentId: string | null
  readonly enrollment: EnrollmentState | null
  readonly attributes: readonly Attribute[]
}

/** A line of an enrollment with what is stored for it. */
export interface Wish {
  readonly line: LineOf<'enrollment'>
  readonly pair: StoredPair
}

/** All that a run of lines does to one pair; `indexes` of its plan are those of the wishes. */
export interface ImportPair {
  readonly plan: PairPlan
  readonly storedAttributes: readonly Attribute[]
}

/**
 * Plans what lines come to, one after another, each seeing what those of the same pair before it did. No rule of
 * enrollment is asked. Pure.
 *
 * @param at the instant of the change, ISO 8601.
 */
export function planPairs(wishes: readonly Wish[], at: string): ImportPair[] {
  const pairs = new Map<string, ImportPair>()
  for (const [index, wish] of wishes.entries()) {
    const key = `${wish.pair.learnerId}:${wish.pair.courseId}`
    const pair = pairs.get(key) ?? begin(wish.pair)
    pairs.set(key, pair)
    pair.plan.indexes.push(index)
    advance(pair.plan, wish.line, index, at)
  }
  for (const { plan, storedAttributes } of pairs.values()) {
    if (isDeepStrictEqual(plan.attributes, storedAttributes)) plan.attributes = null
  }
  return [...pairs.values()]
}

/** The `created` that an existing enrollment gets; null when it keeps its own. */
export function anotherCreated({ read, state }: PairPlan): string | null {
  return read === null || state === null || read.created === state.created ? null : state.created
}

function begin({ learnerId, courseId, enrollmentId, enrollment, attributes }: StoredPair): ImportPair {
  return {
    plan: {
      enrollmentId,
      learnerId,
      courseId,
      indexes: [],
      read: enrollment,
      state: enrollment,
      steps: [],
      claimAllowance: null,
      attributes: null,
    },
    storedAttributes: attributes,
  }
}

function advance(plan: PairPlan, line: LineOf<'enrollment'>, index: number, at: string): void {
  const before = plan.state
  const after = { mode: line.mode, isActive: line.isActive }
  const kind = kindOf(before, after)
  if (kind !== 'unchanged') {
    const version = (before?.version ?? 0) + 1
    plan.steps.push({
      index,
      kind,
      version,
      before: before && { mode: before.mode, isActive: before.isActive },
      after,
      reason: null,
      enterpriseUuid: null,
      at,
    })
    plan.state = { version, ...after, created: before?.created ?? at, updated: at }
  }
  if (line.created !== undefined && plan.state) plan.state = { ...plan.state, created: line.created }
  if (line.attributes !== undefined) plan.attributes = line.attributes
}
