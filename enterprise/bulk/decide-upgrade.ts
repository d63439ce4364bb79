import type { Enrollment } from '../../routers/index.ts'
import { refusal, type Refusal } from '../refusal.ts'

/** What a row with `whenEnrolled: 'upgrade'` does to an enrollment. */
export type UpgradeDecision =
  | { readonly does: 'add' }
  /** It gets the mode of the row, and is active. */
  | { readonly does: 'change' }
  | { readonly does: 'keep' }
  | { readonly does: 'refuse'; readonly refusal: Refusal }

const PAID = ['verified', 'professional']
const FREE = ['audit', 'honor']

/**
 * Decides what becomes of an enrollment for which a mode is asked that may raise it and never lowers it (enterprise-routes.md
 * §2.6). Pure.
 *
 * @param enrollment null: there is none.
 */
export function decideUpgrade(enrollment: Enrollment | null, mode: string): UpgradeDecision {
  if (enrollment === null) return { does: 'add' }
  const { courseId, mode: activeMode, isActive } = enrollment
  if (!isActive || isUpgrade(activeMode, mode)) return { does: 'change' }
  if (!PAID.includes(activeMode) || !FREE.includes(mode)) return { does: 'keep' }
  return { does: 'refuse', refusal: refusal('modeDowngrade', { courseId, activeMode, requestedMode: mode }) }
}

function isUpgrade(from: string, to: string): boolean {
  return FREE.includes(from) && PAID.includes(to)
}
