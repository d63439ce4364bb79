import { foldEmail } from '../../learner/email-address.ts'
import type { CsvItem } from './item.ts'

/** What two lines with the same key name: one learner, by the same kind of name, and one course run. */
export function pairKeyOf(item: CsvItem): string {
  return JSON.stringify([...learnerKey(item), item.courseId])
}

function learnerKey(item: CsvItem): [kind: string, name: string] {
  if ('username' in item) return ['username', item.username]
  if ('email' in item) return ['email', foldEmail(item.email.trim())]
  return ['userId', item.userId.replace(/^0+(?=\d)/, '')]
}

/**
 * Of two lines about the same pair: whether they ask for the same, or contradict each other (bulk.md §2). Reason and ref say nothing
 * about the enrollment.
 */
export function sameOrContradicting(a: CsvItem, b: CsvItem): 'same' | 'contradicting' {
  return requestedStateOf(a) === requestedStateOf(b) ? 'same' : 'contradicting'
}

/** Equal for lines that ask for the same. */
export function requestedStateOf({ mode, isActive = true, cohort, enterpriseUuid, attributes = [] }: CsvItem): string {
  const sorted = attributes.map(({ namespace, name, value }) => JSON.stringify([namespace, name, value])).toSorted()
  return JSON.stringify([mode ?? null, isActive, cohort ?? null, enterpriseUuid ?? null, sorted])
}
