/** What an enrollment says, on one of the two sides. */
export interface State {
  readonly mode: string
  readonly isActive: boolean
}

/** What is to be done so that the LMS says what is said here. */
export type Next =
  /** It does. */
  | { readonly kind: 'agreed' }
  /** It cannot be said to it. */
  | { readonly kind: 'unsent'; readonly why: string }
  /** One request, after which is looked again. */
  | { readonly kind: 'send'; readonly isNew: boolean; readonly state: State }

/**
 * Decides on the next request (lms.md D.3).
 *
 * @param there what the LMS says; null: it has no such enrollment.
 */
export function nextRequest(here: State, there: State | null): Next {
  if (there === null) return here.isActive ? { kind: 'send', isNew: true, state: here } : UNSENT
  if (isSame(here, there)) return { kind: 'agreed' }
  // The LMS refuses to deactivate and to change the mode at once: first it is deactivated, in the mode that it has there.
  const state = there.isActive && !here.isActive ? { mode: there.mode, isActive: false } : here
  return { kind: 'send', isNew: false, state }
}

const UNSENT = { kind: 'unsent', why: 'It is new and inactive: the LMS would activate it first' } as const

/** Whether both sides say the same. */
export function isSame(one: State, other: State): boolean {
  return one.mode === other.mode && one.isActive === other.isActive
}
