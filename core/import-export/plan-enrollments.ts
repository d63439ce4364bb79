import { isDeepStrictEqual } from 'node:util'
import type { Attribute } from '../enrollment/attributes.ts'
import type { EnrollmentState } from '../enrollment/command.ts'
import { kindOf } from '../enrollment/decide.ts'
import { changeEnrollment, startPair, type PairPlan } from '../enrollment/plan.ts'
import type { LineOf } from './lines.ts'

/** What is stored for the pair of learner and course run that a line names. */
export interface StoredPair {
  readonly learnerId: number
  readonly courseId: number
  /** Null together with the enrollment where there is none. */
  readonly enrollmentId: string | null
  readonly enrollment: EnrollmentState | null
  readonly attributes: readonly Attribute[]
}

/** A line of an enrollment with what is stored for it. */
export interface EnrollmentLine {
  readonly line: LineOf<'enrollment'>
  readonly stored: StoredPair
}

/**
 * Plans what lines change, one after another, each seeing the changes of those of the same pair before it. No rule of
 * enrollment is asked. Pure.
 *
 * @param at the instant of the change, ISO 8601.
 * @returns one plan per pair; its `indexes` are those of the lines.
 */
export function planImport(lines: readonly EnrollmentLine[], at: string): PairPlan[] {
  const plans = new Map<string, { readonly plan: PairPlan; readonly attributes: readonly Attribute[] }>()
  for (const [index, { line, stored }] of lines.entries()) {
    const key = `${stored.learnerId}:${stored.courseId}`
    const pair = plans.get(key) ?? { plan: startPair(stored), attributes: stored.attributes }
    plans.set(key, pair)
    pair.plan.indexes.push(index)
    applyLine(pair.plan, line, index, at)
  }
  for (const { plan, attributes } of plans.values()) {
    if (isDeepStrictEqual(plan.attributes, attributes)) plan.attributes = null
  }
  return [...plans.values()].map(({ plan }) => plan)
}

/** The `created` that an existing enrollment gets; null when it keeps its own. */
export function anotherCreated({ read, state }: PairPlan): string | null {
  return read === null || state === null || read.created === state.created ? null : state.created
}

function applyLine(plan: PairPlan, line: LineOf<'enrollment'>, index: number, at: string): void {
  const after = { mode: line.mode, isActive: line.isActive }
  const kind = kindOf(plan.state, after)
  if (kind !== 'unchanged') changeEnrollment(plan, { index, kind, after, reason: null, enterpriseUuid: null, at })
  if (line.created !== undefined && plan.state) plan.state = { ...plan.state, created: line.created }
  if (line.attributes !== undefined) plan.attributes = line.attributes
}
