import type { Failure } from '../core/errors.ts'

/** What the extension's own refusals tell about themselves, by code (enterprise C.7). */
export interface RefusalDetails {
  modeNotAvailable: {
    mode: string
    /** The modes that the course run offers now. */
    available: string[]
  }
  /** The customer has unlinked the learner for good. */
  linkForbidden: Record<never, never>
  invalidEmail: { email: string }
  /** The name that is not one of the account that the others name. */
  identityMismatch: { field: 'username' | 'email' }
  /** What pays for the enrollment already; null: a row waits that nothing pays for, or a transaction. */
  fundingConflict: { kind: FundingKind; held: string | null }
  invalidFunding: { kind: FundingKind; id: string }
  /** The enrollment is active in a paid mode, and the row asks for one that is not. */
  modeDowngrade: { courseId: string; activeMode: string; requestedMode: string }
  fulfilmentRevoked: { fulfilmentId: string }
  transactionReused: { fulfilmentId: string }
  /** Others kept changing the same enrollment. */
  conflict: Record<never, never>
  /** The database was not available. */
  busy: Record<never, never>
}

export type FundingKind = 'license' | 'transaction'

type OwnCode = keyof RefusalDetails

/** What the caller is told of a row that was done: a refusal that would meet it otherwise, or what it has superseded. */
export type Warning =
  | Refusal
  | {
      code: 'transactionSuperseded'
      message: string
      /** The transaction that paid until now, and its fulfilment, which is revoked. */
      details: { transaction: string; fulfilmentId: string }
    }

/** Builds the warning that a transaction has taken over from another (enterprise-routes.md §3 a7). */
export function transactionSuperseded(details: { transaction: string; fulfilmentId: string }): Warning {
  const message = `The transaction ${details.transaction} paid for the enrollment until now and is superseded.`
  return { code: 'transactionSuperseded', message, details }
}

/** A refusal of a row as a value: one of the extension's own, or core's as it came. */
export type Refusal =
  | { [C in OwnCode]: { code: C; message: string; details: RefusalDetails[C] } }[OwnCode]
  | Exclude<Failure, { code: 'modeUnavailable' | 'unavailable' }>

export type RefusalCode = Refusal['code']

/** Builds one of the extension's own refusals with its message. */
export function refusal<C extends OwnCode>(code: C, details: RefusalDetails[C]): Refusal {
  // True by construction: `details` belongs to `code`; TypeScript cannot follow a generic key through the union.
  return { code, message: messages[code](details), details } as unknown as Refusal
}

/** Core's refusal of an enrollment, with the codes of the extension (enterprise C.7). */
export function refusalFrom(failure: Failure): Refusal {
  if (failure.code === 'unavailable') return refusal('conflict', {})
  if (failure.code !== 'modeUnavailable') return failure
  const { mode, available } = failure.details
  return refusal('modeNotAvailable', { mode, available })
}

/** Whether the same row may succeed if it is sent again as it is. */
export function isRetryable(code: RefusalCode): boolean {
  return code === 'conflict' || code === 'versionConflict' || code === 'busy'
}

const messages: { [C in OwnCode]: (details: RefusalDetails[C]) => string } = {
  modeNotAvailable: ({ mode, available }) =>
    `The course run does not offer the mode '${mode}' now; it offers: ${available.join(', ')}.`,
  linkForbidden: () => 'The customer has unlinked this learner permanently.',
  invalidEmail: ({ email }) => `'${email}' is not an e-mail address.`,
  identityMismatch: ({ field }) => `The ${field} of the row is not that of the account that the row names.`,
  fundingConflict: ({ kind, held }) =>
    held === null
      ? `The enrollment waits with other funding than this ${kind}.`
      : `The enrollment is funded by the ${kind} ${held} already.`,
  invalidFunding: ({ kind, id }) => `'${id}' is not the UUID of a ${kind}.`,
  // In the words of the original (enterprise-routes.md §2.6).
  modeDowngrade: ({ courseId, activeMode, requestedMode }) =>
    `The user is already enrolled in the course ${courseId} in ${activeMode} mode and cannot be enrolled in ${requestedMode} mode`,
  fulfilmentRevoked: () => 'The license was revoked for this enrollment.',
  transactionReused: () => 'The transaction was revoked for this enrollment; it takes another one.',
  conflict: () => 'Others kept changing this enrollment; the row is safe to repeat.',
  busy: () => 'The database could not carry out this row now; it is safe to repeat.',
}
