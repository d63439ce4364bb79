import type { Attribute } from '../../core/enrollment/attributes.ts'

/** An enrollment on one of both sides. */
export interface Side {
  readonly mode: string
  readonly isActive: boolean
  readonly attributes: readonly Attribute[]
}

/** A pair of account and course run of which both sides do not say the same: a line of the report of `lms compare`. */
export interface Difference {
  /** As it is written here; as there, where it is not here. */
  readonly courseId: string
  /** Of the account in the LMS; null: it has none. */
  readonly userId: number | null
  /** Null: the account is not here. */
  readonly username: string | null
  readonly is: 'onlyThere' | 'onlyHere' | 'different'
  /** Of pairs that are on both sides. */
  readonly in: readonly Differing[]
  readonly lmsId: number | null
  readonly enrollmentId: string | null
  readonly here: Side | null
  readonly there: Side | null
}

export type Differing = 'mode' | 'activity' | 'attributes'

/**
 * In what both sides differ. One that is inactive and missing on the other side is the same (adoption.md §2), and the order of
 * attributes is nothing. Pure.
 *
 * @returns null where they agree.
 */
export function compareSides(here: Side | null, there: Side | null): Pick<Difference, 'is' | 'in'> | null {
  if (here === null) return there?.isActive === true ? { is: 'onlyThere', in: [] } : null
  if (there === null) return here.isActive ? { is: 'onlyHere', in: [] } : null
  const differing: Differing[] = []
  if (here.mode !== there.mode) differing.push('mode')
  if (here.isActive !== there.isActive) differing.push('activity')
  if (textOf(here.attributes) !== textOf(there.attributes)) differing.push('attributes')
  return differing.length === 0 ? null : { is: 'different', in: differing }
}

function textOf(attributes: readonly Attribute[]): string {
  if (attributes.length === 0) return ''
  return JSON.stringify(
    attributes.map(({ namespace, name, value }) => JSON.stringify([namespace, name, value])).toSorted(),
  )
}
